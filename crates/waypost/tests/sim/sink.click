// Counts what comes, and makes a few packets.
define($IN eth0, $LIMIT 0);
FromDevice($IN) -> c :: Counter -> Discard;
InfiniteSource(LIMIT $LIMIT) -> Queue -> ToDevice(out);
