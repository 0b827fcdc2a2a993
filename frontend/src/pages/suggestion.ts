/** A friendly name for somebody who has not chosen one: at most 16 characters, read at a glance. */

const HOW = ["Calm", "Sly", "Swift", "Bold", "Lucky", "Merry", "Quiet", "Sunny", "Brave", "Witty"];
const WHO = ["Otter", "Heron", "Gecko", "Lynx", "Magpie", "Badger", "Newt", "Falcon", "Marten", "Toad"];

export function suggestName(random: () => number = Math.random): string {
  const pick = (words: readonly string[]): string =>
    words[Math.floor(random() * words.length)] ?? "Newt";
  return `${pick(HOW)} ${pick(WHO)}`;
}
