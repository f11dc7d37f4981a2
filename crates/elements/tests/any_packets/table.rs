//! For every class: configurations, how many ports, and what becomes of packets in it.

/// A class as it is tried, pushed to and pulled from as far as it lets itself be.
pub(crate) struct Row {
    pub(crate) class: &'static str,
    pub(crate) config: &'static str,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// How many packets it has made, beside those it was handed.
    pub(crate) made: fn(&Seen<'_>) -> u64,
    /// How many packets it holds, or has used up without losing them.
    pub(crate) gone: fn(&Seen<'_>) -> u64,
}

/// What is to be seen of an element after it has run.
pub(crate) struct Seen<'a> {
    /// The paints of the packets that it was handed.
    pub(crate) paints: &'a [u8],
    pub(crate) outputs: u64,
    /// Asks it a number.
    pub(crate) number: &'a dyn Fn(&str) -> u64,
}

impl Seen<'_> {
    fn painted(&self, colour: u8) -> u64 {
        self.paints.iter().filter(|&&paint| paint == colour).count() as u64
    }
}

/// A class that hands on what it is handed, or loses it.
const fn row(class: &'static str, config: &'static str, inputs: usize, outputs: usize) -> Row {
    Row {
        class,
        config,
        inputs,
        outputs,
        made: |_| 0,
        gone: |_| 0,
    }
}

impl Row {
    const fn made(mut self, made: fn(&Seen<'_>) -> u64) -> Self {
        self.made = made;
        self
    }

    const fn gone(mut self, gone: fn(&Seen<'_>) -> u64) -> Self {
        self.gone = gone;
        self
    }
}

/// Those that no packet can be pushed through here, and why.
pub(crate) const EXCEPTIONS: &[(&str, &str)] = &[
    ("DriverManager", "has no ports"),
    ("FromDevice", "takes no packets, and needs a device"),
    ("FromDump", "takes no packets"),
    ("InfiniteSource", "takes no packets"),
    ("KernelTap", "needs a device"),
    ("RatedSource", "takes no packets"),
    ("Script", "has no ports"),
    ("ToDevice", "needs a device"),
];

/// Those that write to standard error, which is kept from the terminal.
pub(crate) const PRINTERS: &[Row] = &[
    row(
        "IPPrint",
        "any, CONTENTS ASCII, ID true, TTL true, TOS true, LENGTH true",
        1,
        1,
    ),
    row(
        "IPPrint",
        "any, PAYLOAD HEX, MAXLENGTH -1, PAINT true, SWAP false, TIMESTAMP false",
        1,
        1,
    ),
    row("Print", "", 1, 1),
    row("Print", "any, -1, CONTENTS ASCII, HEADROOM true", 1, 1),
    row("Print", "any, 0, TIMESTAMP true", 1, 1),
];

const ROUTES: &str = "10.0.0.0/24 1, 10.0.0.2/32 10.0.0.9 2, 224.0.0.0/4 3, 128.0.0.0/1 0";

pub(crate) const ROWS: &[Row] = &[
    row("ARPQuerier", "10.0.0.1/24, 2:0:0:0:0:1", 2, 1)
        .made(|it| (it.number)("queries"))
        .gone(|it| (it.number)("length") + (it.number)("responses")),
    row(
        "ARPQuerier",
        "10.0.0.1, 2:0:0:0:0:1, CAPACITY 4, ENTRY_CAPACITY 2",
        2,
        2,
    )
    .made(|it| (it.number)("queries"))
    .gone(|it| (it.number)("length") + (it.number)("responses")),
    row("ARPResponder", "10.0.0.0/31 2:0:0:0:0:1", 1, 1),
    row("ARPResponder", "0/0 2:0:0:0:0:1", 1, 2),
    row("CheckIPHeader", "", 1, 1),
    row("CheckIPHeader", "14", 1, 2),
    row(
        "CheckIPHeader",
        "OFFSET 70000, INTERFACES 10.0.0.1/24, CHECKSUM false",
        1,
        2,
    ),
    row("CheckIPHeader", "OFFSET 18446744073709551615", 1, 2),
    row("CheckIPHeader", "CHECKSUM false", 1, 1),
    row("CheckPaint", "1", 1, 1),
    row("CheckPaint", "255", 1, 2),
    row(
        "Classifier",
        "12/0800 14/45%f0, 12/0806 20/0001, !1999/ee, -",
        1,
        4,
    ),
    row("Classifier", "0/45, 60000/00", 1, 2),
    row("Counter", "", 1, 1),
    row("DecIPTTL", "", 1, 1),
    row("DecIPTTL", "MULTICAST false", 1, 2),
    row("DirectIPLookup", ROUTES, 1, 4),
    row("Discard", "", 1, 0).gone(|it| (it.number)("count")),
    row("DropBroadcasts", "", 1, 1),
    row("DropWhenFull", "", 1, 1),
    row("EtherEncap", "0x0800, 2:0:0:0:0:1, 2:0:0:0:0:2", 1, 1),
    row("FixIPSrc", "10.0.0.7", 1, 1),
    row("GetIPAddress", "16", 1, 1),
    row("GetIPAddress", "1996", 1, 1),
    row("GetIPAddress", "18446744073709551615", 1, 1),
    row("GetIPAddress", "IP src", 1, 1),
    row("GetIPAddress", "IP dst", 1, 1),
    row("ICMPError", "10.0.0.7, timeexceeded, transit", 1, 1),
    row(
        "ICMPError",
        "10.0.0.7, unreachable, needfrag, 10.0.0.2, PMTU 600, MTU 28",
        1,
        1,
    ),
    row(
        "ICMPError",
        "10.0.0.7, redirect, host, MTU 0, SET_FIX_ANNO false",
        1,
        1,
    ),
    row("ICMPError", "10.0.0.7, parameterproblem, MTU 100000", 1, 1),
    row("ICMPPingResponder", "", 1, 1),
    row("ICMPPingResponder", "", 1, 2),
    row(
        "IPClassifier",
        "tcp dst port 80, udp src or dst port 53-100, icmp type echo, ip frag, transp[2:4] 5, -",
        1,
        6,
    ),
    row(
        "IPClassifier",
        "ip[0:4] & 0xf0000000 == 0x40000000, tcp[1900] 3, tcp opt syn and not ip unfrag, tcp win > 5",
        1,
        4,
    ),
    row("IPFragmenter", "68", 1, 1)
        .made(made_of_longer)
        .gone(taken_apart),
    row("IPFragmenter", "576, HONOR_DF false", 1, 2)
        .made(made_of_longer)
        .gone(taken_apart),
    // How many it threw away it does not say.
    row("Idle", "", 1, 1).gone(|it| it.paints.len() as u64),
    row("IPFilter", "1 tcp, deny frag, allow all", 1, 2),
    row("LinearIPLookup", ROUTES, 1, 4),
    row("MarkIPHeader", "", 1, 1),
    row("MarkIPHeader", "14", 1, 1),
    row("MarkIPHeader", "65535", 1, 1),
    row("Null", "", 1, 1),
    row("Paint", "3", 1, 1),
    row("PaintSwitch", "", 1, 3).made(|it| it.painted(255) * (it.outputs - 1)),
    row("PaintTee", "1", 1, 2).made(|it| it.painted(1)),
    row("PrioSched", "", 3, 1),
    row("Queue", "", 1, 1).gone(|it| (it.number)("length")),
    row("Queue", "5", 1, 2).gone(|it| (it.number)("length")),
    row("Queue", "5, ON_FULL DROP_HEAD", 1, 1).gone(|it| (it.number)("length")),
    row("Queue", "5, ON_FULL BLOCK", 1, 1).gone(|it| (it.number)("length")),
    row("RadixIPLookup", ROUTES, 1, 4),
    row("Pipeliner", "0", 1, 1),
    row("Pipeliner", "0, CAPACITY 4, ON_FULL DROP_TAIL", 1, 1),
    row("RoundRobinSched", "", 3, 1),
    row("RoundRobinSwitch", "", 1, 3),
    row("Strip", "0", 1, 1),
    row("Strip", "14", 1, 1),
    row("Strip", "18446744073709551615", 1, 1),
    row("Switch", "1", 1, 2),
    row("Switch", "-1", 1, 2),
    row("Tee", "", 1, 3).made(|it| it.paints.len() as u64 * (it.outputs - 1)),
    row("ToDump", "FILE.pcap", 1, 0).gone(|it| (it.number)("count")),
    row("ToDump", "FILE.pcapng, SNAPLEN 20, ENCAP IP", 1, 1),
    row("Unqueue", "", 1, 1),
    row("Unqueue", "3", 1, 1),
    row("Unstrip", "0", 1, 1),
    row("Unstrip", "14", 1, 1),
    row("Unstrip", "18446744073709551615", 1, 1),
];

fn made_of_longer(seen: &Seen<'_>) -> u64 {
    (seen.number)("fragments") + (seen.number)("segments")
}

fn taken_apart(seen: &Seen<'_>) -> u64 {
    (seen.number)("taken_apart")
}
