#!lua name=kogame

-- What may change in a room's record, and only by the engine that holds its lease.
-- A holder is "<engine>:<epoch>"; the lease key carries it and expires by itself.

local function number(value)
  return tonumber(value or 0) or 0
end

-- keys: room, lease · args: engine, lease ms · answers the epoch, 0 when owned, -1 when gone
redis.register_function('kg_claim', function(keys, args)
  if redis.call('EXISTS', keys[1]) == 0 then return -1 end
  if redis.call('EXISTS', keys[2]) == 1 then return 0 end
  -- Redis' own clock, so that the epoch grows even when a restart lost the last one.
  local epoch = math.max(number(redis.call('HGET', keys[1], 'epoch')) + 1,
                         tonumber(redis.call('TIME')[1]))
  redis.call('HSET', keys[1], 'epoch', epoch)
  redis.call('SET', keys[2], args[1] .. ':' .. epoch, 'PX', args[2])
  return epoch
end)

-- keys: room, lease, journal, outbox · args: holder, tick, lease ms, inputs, channel, frames, life...
-- Commit, then show: the tick is recorded and published in one step, or not at all.
redis.register_function('kg_commit', function(keys, args)
  if redis.call('GET', keys[2]) ~= args[1] then return 'lost' end
  redis.call('PEXPIRE', keys[2], args[3])
  local last, tick = number(redis.call('HGET', keys[1], 'tick')), tonumber(args[2])
  if tick == last then return 'done' end
  if tick ~= last + 1 then return 'gap' end
  redis.call('HSET', keys[1], 'tick', tick)
  if #args[4] > 0 then redis.call('XADD', keys[3], tick .. '-0', 'i', args[4]) end
  for i = 7, #args do redis.call('XADD', keys[4], '*', 'd', args[i]) end
  redis.call('PUBLISH', args[5], args[6])
  return 'ok'
end)

-- keys: room, lease, journal · args: holder, tick, checkpoint
redis.register_function('kg_checkpoint', function(keys, args)
  if redis.call('GET', keys[2]) ~= args[1] then return 'lost' end
  if number(redis.call('HGET', keys[1], 'tick')) < tonumber(args[2]) then return 'gap' end
  redis.call('HSET', keys[1], 'checkpoint', args[3])
  redis.call('XTRIM', keys[3], 'MINID', (tonumber(args[2]) + 1) .. '-0')
  return 'ok'
end)

-- keys: lease · args: holder, lease ms
redis.register_function('kg_renew', function(keys, args)
  if redis.call('GET', keys[1]) ~= args[1] then return 'lost' end
  redis.call('PEXPIRE', keys[1], args[2])
  return 'ok'
end)

-- keys: lease · args: holder
redis.register_function('kg_release', function(keys, args)
  if redis.call('GET', keys[1]) ~= args[1] then return 'lost' end
  redis.call('DEL', keys[1])
  return 'ok'
end)

-- keys: room, lease · args: holder, engine, lease ms, channel, room id
-- Another engine holds the room from now on, under the next epoch, and is told so.
redis.register_function('kg_give', function(keys, args)
  if redis.call('GET', keys[2]) ~= args[1] then return 'lost' end
  local epoch = math.max(number(redis.call('HGET', keys[1], 'epoch')) + 1,
                         tonumber(redis.call('TIME')[1]))
  redis.call('HSET', keys[1], 'epoch', epoch)
  redis.call('SET', keys[2], args[2] .. ':' .. epoch, 'PX', args[3])
  redis.call('PUBLISH', args[4], args[5])
  return 'ok'
end)

-- keys: engines, loads, the wish that it be drained · args: engine, load, ms of silence after which
-- an engine counts no more, ms that the wish is kept
-- Answers engine, load, engine, load ... of all that live and take rooms: one that is to be drained
-- is not among them. By Redis' own clock, for those of machines may differ.
redis.register_function('kg_engines', function(keys, args)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  -- An engine of an older release, which hands no wish over, cannot be drained.
  if keys[3] and redis.call('PEXPIRE', keys[3], args[4]) == 1 then
    redis.call('ZREM', keys[1], args[1])
    redis.call('HDEL', keys[2], args[1])
  else
    redis.call('ZADD', keys[1], now, args[1])
    redis.call('HSET', keys[2], args[1], args[2])
  end
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', keys[1], '-inf', now - args[3])) do
    redis.call('ZREM', keys[1], gone)
    redis.call('HDEL', keys[2], gone)
  end
  return redis.call('HGETALL', keys[2])
end)

-- keys: room, lease, journal · args: holder, settings, checkpoint
-- A new match in the place of one whose state was damaged.
redis.register_function('kg_anew', function(keys, args)
  if redis.call('GET', keys[2]) ~= args[1] then return 'lost' end
  redis.call('HSET', keys[1], 'settings', args[2], 'checkpoint', args[3])
  redis.call('DEL', keys[3])
  return 'ok'
end)

-- keys: room, lease, journal, reserved, rooms, lobby · args: holder, room id, channel, last frames
redis.register_function('kg_close', function(keys, args)
  if redis.call('GET', keys[2]) ~= args[1] then return 'lost' end
  redis.call('DEL', keys[1], keys[2], keys[3], keys[4])
  redis.call('ZREM', keys[5], args[2])
  redis.call('HDEL', keys[6], args[2])
  redis.call('PUBLISH', args[3], args[4])
  return 'ok'
end)

-- keys: room, reserved · args: player, ms a promise holds, people in the room, capacity
-- Promises a seat to a player on the way, so that ten who press Play at once are not all sent
-- to the last free seat. Answers 1, or 0 when the room is full or gone.
redis.register_function('kg_reserve', function(keys, args)
  if redis.call('EXISTS', keys[1]) == 0 then return 0 end
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('ZREMRANGEBYSCORE', keys[2], '-inf', now)
  redis.call('ZREM', keys[2], args[1])
  if redis.call('ZCARD', keys[2]) + tonumber(args[3]) >= tonumber(args[4]) then return 0 end
  redis.call('ZADD', keys[2], now + tonumber(args[2]), args[1])
  redis.call('PEXPIRE', keys[2], args[2])
  return 1
end)
