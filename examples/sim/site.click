// The router of a site, for simulated networks: eth0 leads to the site's own hosts, east and west to other sites.
//
// $ROUTES says which way: what `RadixIPLookup` takes, where port 1 is eth0, 2 is east and 3 is west.

define($IP 10.0.0.1, $MAC 02:00:00:00:00:01,
       $EAST_IP 10.255.0.1, $EAST_MAC 02:00:00:00:01:01,
       $WEST_IP 10.255.1.2, $WEST_MAC 02:00:00:00:02:01,
       $ROUTES 10.0.0.0/24 1);

// Frames of an interface; IP packets that came in leave, and IP packets to send come in.
elementclass Interface {
    $name, $ip, $mac |
    FromDevice($name) -> kinds :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800 0/$mac, -);
    input -> neighbors :: ARPQuerier($ip, $mac) -> out :: ToDevice($name);
    kinds [0] -> ARPResponder($ip $mac) -> out;   // requests
    kinds [1] -> [1] neighbors;                   // answers
    kinds [2] -> Strip(14) -> CheckIPHeader -> output;
    kinds [3] -> Discard;                         // to others
}

here :: Interface(eth0, $IP, $MAC);
east :: Interface(east, $EAST_IP, $EAST_MAC);
west :: Interface(west, $WEST_IP, $WEST_MAC);

routes :: RadixIPLookup($IP/32 0, $EAST_IP/32 0, $WEST_IP/32 0, $ROUTES, 0.0.0.0/0 4);
here -> routes;
east -> routes;
west -> routes;

// To the router itself: it answers pings.
routes [0] -> echo :: ICMPPingResponder -> routes;
echo [1] -> unknown :: IPClassifier(udp or tcp, -);
unknown [0] -> ICMPError($IP, unreachable, port) -> routes;
unknown [1] -> ICMPError($IP, unreachable, protocol) -> routes;

routes [1] -> to_here :: DecIPTTL -> here;
routes [2] -> to_east :: DecIPTTL -> east;
routes [3] -> to_west :: DecIPTTL -> west;
to_here [1] -> expired :: ICMPError($IP, timeexceeded) -> routes;
to_east [1] -> expired;
to_west [1] -> expired;

routes [4] -> ICMPError($IP, unreachable, net) -> routes;
