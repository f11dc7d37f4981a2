// A host on one interface, for simulated networks: it answers ARP and pings, and sends PINGS pings of its own, ten a second.
//
// ECHO is an echo request of ours, from its IP header on, as hexadecimal digits.

define($IP 10.1.0.2, $MAC 02:00:00:00:01:02, $GATEWAY 10.1.0.1, $PINGS 0, $ECHO 00);

FromDevice(eth0) -> kinds :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800 0/$MAC, -);
neighbors :: ARPQuerier($IP, $MAC);
kinds [0] -> ARPResponder($IP $MAC) -> out :: ToDevice(eth0);
kinds [1] -> [1] neighbors -> out;
kinds [2] -> Strip(14) -> CheckIPHeader -> came :: IPClassifier(icmp type echo, icmp type echo-reply, -);
kinds [3] -> Discard;

came [0] -> ICMPPingResponder -> route :: LinearIPLookup(0.0.0.0/0 $GATEWAY 0) -> neighbors;
came [1] -> replies :: Counter -> recent :: Counter -> Discard;   // `recent` is there to be reset
came [2] -> others :: Counter -> Discard;

RatedSource(DATA \<$ECHO>, RATE 10, LIMIT $PINGS) -> CheckIPHeader -> pings :: Counter -> route;
