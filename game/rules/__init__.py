"""What is played: every game is a module of pure rules; `games` lists them."""
