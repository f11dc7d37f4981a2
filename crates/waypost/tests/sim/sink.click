// Counts what comes, and makes a few packets.
require(library count.click);
define($IN eth0, $LIMIT 0);
FromDevice($IN) -> c :: Counter -> Count;
InfiniteSource(LIMIT $LIMIT) -> Queue -> ToDevice(out);
