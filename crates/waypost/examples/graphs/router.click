// A router of a ring: eth0 leads to the one before it, eth1 to the one behind it. It pings $FAR ten times a second.
//
// $BACK has the routes that lead back, and $PING is an echo request of ours, from its IP header on, as hexadecimal digits.

elementclass Interface {
    $name, $mac |
    FromDevice($name) -> kinds :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800 0/$mac, -);
    input -> neighbors :: ARPQuerier($IP, $mac) -> out :: ToDevice($name);
    kinds [0] -> ARPResponder($IP $mac) -> out;
    kinds [1] -> [1] neighbors;
    kinds [2] -> Strip(14) -> CheckIPHeader -> output;
    kinds [3] -> Discard;
}

before :: Interface(eth0, $MAC0);
behind :: Interface(eth1, $MAC1);

routes :: RadixIPLookup($IP/32 0, $BACK, 0.0.0.0/0 $NEXT 2);
before -> routes;
behind -> routes;

routes [0] -> came :: IPClassifier(icmp type echo, icmp type echo-reply, -);
came [0] -> ICMPPingResponder -> routes;
came [1] -> replies :: Counter -> Discard;
came [2] -> others :: Counter -> Discard;

routes [1] -> ttl_before :: DecIPTTL -> before;
routes [2] -> ttl_behind :: DecIPTTL -> behind;
ttl_before [1] -> expired :: ICMPError($IP, timeexceeded) -> routes;
ttl_behind [1] -> expired;

RatedSource(DATA \<$PING>, RATE 10) -> CheckIPHeader -> pings :: Counter -> routes;
