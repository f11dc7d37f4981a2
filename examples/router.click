// An IPv4 router between two Ethernet interfaces, after the standard router of Click's authors.
//
//   waypost graph run router.click A=eth0 A_IP=10.1.0.1 A_LEN=24 A_MAC=… B=eth1 B_IP=… B_LEN=… B_MAC=…
//
// A_LEN and B_LEN are the lengths of the interfaces' prefixes: with those above, 10.1.0.0/24 lies behind eth0.
// The kernel must not route between the two interfaces itself: they have no addresses in the kernel.

define($A eth0, $A_IP 10.1.0.1, $A_LEN 24, $A_MAC 02:00:00:00:0a:01, $A_MTU 1500,
       $B eth1, $B_IP 10.2.0.1, $B_LEN 24, $B_MAC 02:00:00:00:0b:01, $B_MTU 1500,
       $METHOD AF_PACKET);

// What one interface needs: frames come in at input 0, IP packets to send at input 1;
// IP packets that came in leave output 0, frames to send leave output 1.
elementclass Interface {
    $ip, $mac, $paint |
    kinds :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800 0/$mac, 12/0800 0/01%01, -);
    neighbors :: ARPQuerier($ip, $mac);
    input [0] -> kinds;
    kinds [0] -> ARPResponder($ip $mac) -> [1] output;   // requests
    kinds [1] -> [1] neighbors;                          // answers
    kinds [2] -> ip :: Paint($paint) -> Strip(14) -> [0] output;
    kinds [3] -> ip;                                     // to all, or to a group
    kinds [4] -> others :: Discard;                      // to other stations; IPv6 and whatever else
    input [1] -> [0] neighbors -> [1] output;
}

// What a packet passes before it leaves through an interface.
elementclass Leave {
    $ip, $paint, $mtu |
    input -> DropBroadcasts -> same :: PaintTee($paint) -> FixIPSrc($ip) -> ttl :: DecIPTTL
        -> fit :: IPFragmenter($mtu) -> [0] output;
    same [1] -> redirect :: ICMPError($ip, redirect, host) -> [1] output;
    ttl [1] -> expired :: ICMPError($ip, timeexceeded) -> [1] output;
    fit [1] -> toobig :: ICMPError($ip, unreachable, needfrag, PMTU $mtu) -> [1] output;
}

a :: Interface($A_IP, $A_MAC, 1);
b :: Interface($B_IP, $B_MAC, 2);

// The devices.
from_a :: FromDevice($A, METHOD $METHOD, PROMISC true) -> [0] a;
from_b :: FromDevice($B, METHOD $METHOD, PROMISC true) -> [0] b;
a [1] -> to_a :: ToDevice($A, METHOD $METHOD);
b [1] -> to_b :: ToDevice($B, METHOD $METHOD);

routes :: RadixIPLookup($A_IP/32 0, $B_IP/32 0, $A_IP/$A_LEN 1, $B_IP/$B_LEN 2, 0.0.0.0/0 3);

check :: CheckIPHeader(INTERFACES $A_IP/$A_LEN $B_IP/$B_LEN);
a [0] -> check;
b [0] -> check;
check -> routes;

// To the router itself: it answers pings, and knows no ports.
routes [0] -> echo :: ICMPPingResponder -> routes;
echo [1] -> unknown :: IPClassifier(udp or tcp, -);
unknown [0] -> no_port :: ICMPError($A_IP, unreachable, port) -> routes;
unknown [1] -> no_protocol :: ICMPError($A_IP, unreachable, protocol) -> routes;

leave_a :: Leave($A_IP, 1, $A_MTU);
leave_b :: Leave($B_IP, 2, $B_MTU);
routes [1] -> leave_a; leave_a [0] -> [1] a; leave_a [1] -> routes;
routes [2] -> leave_b; leave_b [0] -> [1] b; leave_b [1] -> routes;

routes [3] -> no_route :: ICMPError($A_IP, unreachable, net) -> routes;
