//! The keys that a topology text may have: what is read, what is suggested, and what the documentation says.

/// A kind of table, and its keys.
#[derive(Debug)]
pub(crate) struct Section {
    /// As it is written, and as it is called in mistakes.
    pub(crate) head: &'static str,
    /// Rows: a key, what stands behind it, what it is where it is left out, its meaning.
    keys: &'static [&'static str],
}

impl Section {
    /// Keys, and the rest of their rows.
    fn rows(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.keys.iter().filter_map(|row| row.split_once(" | "))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.rows().map(|(name, _)| name)
    }

    /// What stands behind a key.
    pub(crate) fn value(&self, key: &str) -> Option<&'static str> {
        let (_, rest) = self.rows().find(|(name, _)| *name == key)?;
        Some(rest.split_once(" | ")?.0)
    }
}

pub(crate) const TEXT: Section = Section {
    head: "the text itself",
    keys: &[
        "seed | whole number | 1 | decides about all that is left to chance; `--seed` goes before it",
        "until | time | must be there | how long the network runs; `--until` goes before it",
        "variables | table | none | values for `$NAME` in other values, and for the texts of all graphs; `--set` goes before them",
        "graph | tables `[graph.NAME]` | none | nodes that are packet graphs",
        "switch | tables `[switch.NAME]` | none | nodes that are Ethernet switches",
        "talker | tables `[talker.NAME]` | none | nodes that make traffic",
        "link | tables `[link.NAME]` | none | what joins nodes",
        "faults | table `[faults]` | none | what goes wrong, and when",
        "write | tables `[[write]]` | none | handlers of graphs to write while the network runs",
        "capture | tables `[[capture]]` | none | links to write into pcapng files",
        "plot | tables `[[plot]]` | none | figures to draw into SVG files",
        "end | table `[end]` | none | what is looked at when the run is over",
    ],
};

pub(crate) const END: Section = Section {
    head: "[end]",
    keys: &[
        "read | list of figures | none | figures to show in the report",
        "expect | list of expectations | none | what is to hold: the command fails if something does not",
    ],
};

pub(crate) const GRAPH: Section = Section {
    head: "[graph.NAME]",
    keys: &[
        "file | path | this or `text` must be there | a file in the Click language; a relative path begins where the topology text lies",
        "text | Click text | this or `file` must be there | the graph itself",
        "ports | list of names | `[\"eth0\"]` | the interfaces that `FromDevice(NAME)` and `ToDevice(NAME)` mean: the first is port 0, and so on",
        "set | table | none | variables for this graph; they go before `[variables]`",
        "mtu | octets | `1500` | how long packets may be, above the Ethernet header: 68 to 65535",
        "ring | frames | `256` | what each ring of a port holds: 1 to 65536",
        "packets | packets | `1024` | what the graph has memory for: 1 to 1000000",
    ],
};

pub(crate) const SWITCH: Section = Section {
    head: "[switch.NAME]",
    keys: &[
        "stations | stations | `8192` | how many addresses its table holds: up to 1000000",
        "age | time | `\"300s\"` | after how long a station that sends nothing is forgotten",
    ],
};

pub(crate) const TALKER: Section = Section {
    head: "[talker.NAME]",
    keys: &[
        "mac | MAC address | `02:00:00:00:00:01` for the first talker, and so on | its address",
        "ask | list of talkers | none | whom it sends requests to, each as likely; it answers everybody's",
        "every | time | `\"100ms\"` | between two requests, on average: intervals are of the exponential distribution",
        "rate | rate | as `every` says | bits of requests a second, on average, in place of `every`",
        "octets | octets | `100` | length of its requests, and so of the replies to them: 31 to 65550",
    ],
};

pub(crate) const LINK: Section = Section {
    head: "[link.NAME]",
    keys: &[
        "ends | two of `NODE` or `NODE:PORT` | must be there | what it joins. A port is a number from 0 on, or one of a graph's `ports`; without, it is the first that is free",
        "framing | `\"ethernet\"` or `\"ip\"` | `\"ethernet\"` | what frames begin with",
        "down | list of spans | none | when it is down, such as `[\"2s..3s\", \"9s..\"]`: what waits and what is on its way is lost",
        "back | table | as the other direction | what is different for frames of the second end: any of the keys below",
        "rate | rate | as fast as can be | what its transmitters send",
        "overhead | octets | `24` for Ethernet, `0` for IP | what each frame takes on the wire beside its own octets",
        "delay | time | `\"0s\"` | from the last bit sent to the last bit received",
        "jitter | time, or `\"normal TIME\"` | none | by how much delays differ: longer by up to this, each as likely; or as of a normal distribution of this deviation",
        "keep-order | `true` or `false` | `true` | whether a frame that would overtake another by jitter arrives with it instead",
        "queue | frames, octets with a unit, or a table | `1000` | what waits for the transmitter",
        "mtu | octets | any length | the longest packet above the link header; longer ones are dropped",
        "loss | share, or a table | none | how many frames vanish",
        "duplication | share | none | how many frames arrive twice",
        "corruption | share | none | how many frames arrive damaged",
        "corrupted-bits | bits | `1` | how many bits of a damaged frame are inverted",
        "reordering | share | none | how many frames are held back, so that later ones overtake them",
        "reordering-delay | time | `\"1ms\"` | for how long they are held back",
    ],
};

/// Where in the keys of a link those begin that each direction has of its own.
const DIRECTION_FROM: usize = 4;

pub(crate) const DIRECTION: Section = Section {
    head: "back",
    keys: LINK.keys.split_at(DIRECTION_FROM).1,
};

pub(crate) const QUEUE: Section = Section {
    head: "queue",
    keys: &[
        "frames | frames | `1000` | how many wait at most",
        "octets | octets, with or without a unit | any number | how many octets of frames wait at most",
        "drop | `\"tail\"` or `\"head\"` | `\"tail\"` | which frame is lost when there is no room: the new one, or the oldest",
        "mark-from | frames | never | frames that find so many ahead of them are marked as having met congestion (ECN), if their sender understands that",
    ],
};

pub(crate) const LOSS: Section = Section {
    head: "loss",
    keys: &[
        "begin | share | this or `frames` must be there | bursts: how likely a burst begins at a frame (Gilbert and Elliott)",
        "end | share | must be there, with `begin` | how likely a burst ends at a frame: at `\"25%\"` it lasts four frames, on average",
        "good | share | none | loss outside of bursts",
        "bad | share | `\"100%\"` | loss in bursts",
        "frames | list of numbers | this or `begin` must be there | just these frames of each direction; the first is number 0",
    ],
};

pub(crate) const FAULTS: Section = Section {
    head: "[faults]",
    keys: &[
        "script | text, a line for each fault | none | such as `at 2s for 1s down wire`",
        "random | table `[faults.random]` | none | faults by chance, within bounds",
    ],
};

pub(crate) const RANDOM: Section = Section {
    head: "[faults.random]",
    keys: &[
        "seed | whole number | that of the run | decides about these faults alone",
        "from | time | `\"0s\"` | no fault begins before",
        "until | time | that of the run | all faults have ended then",
        "count | faults | `8` | how many there are, at most: 1 to 10000",
        "lasts | time | `\"2s\"` | how long each lasts, at most",
        "links | list of links | all | links that may be concerned",
        "nodes | list of nodes | all | nodes that may be concerned",
        "kinds | list | all | one at least of `down`, `partition`, `pause`, `restart`, `rate`, `delay`, `jitter`, `loss`, `duplication`, `corruption`, `reordering`, `bursts`, `queue`, `mtu`; one that is listed twice happens more often",
        "delay | time | `\"200ms\"` | delays and jitter, at most",
        "share | share | `\"30%\"` | loss (in bursts too, on average), duplication, corruption and reordering, at most",
        "rates | two rates | `[\"64kbps\", \"10Mbps\"]` | the slowest and the fastest",
        "burst | frames | `16` | how many a burst of losses takes on average, at most: 1 to 1000000",
        "queue | frames | `50` | how many may wait while a queue is short, at most",
        "mtus | two of octets | `[576, 1500]` | the least and the greatest",
    ],
};

pub(crate) const WRITE: Section = Section {
    head: "[[write]]",
    keys: &[
        "at | time | must be there | when",
        "handler | `GRAPH/ELEMENT.HANDLER`, or `GRAPH/stop` | must be there | what is written to; `stop` stops the graph",
        "value | text | `\"\"` | what is written",
    ],
};

pub(crate) const CAPTURE: Section = Section {
    head: "[[capture]]",
    keys: &[
        "link | link | must be there | whose frames",
        "at | node | the first of the link's `ends` | the end whose view is written: what it sends when it is sent, what reaches it when it arrives",
        "file | path | `LINK.pcapng` | below the directory of `--out`",
    ],
};

pub(crate) const PLOT: Section = Section {
    head: "[[plot]]",
    keys: &[
        "file | path | must be there | below the directory of `--out`",
        "title | text | the name of the topology text | what is written above",
        "every | time | a hundredth of the run | rates are averages over this, queues the longest in it",
        "lines | list | must be there | `rate LINK`, `queue LINK`, either with `from NODE` for one direction, or `rtt TALKER`",
    ],
};

/// All kinds of tables.
pub(crate) const SECTIONS: &[&Section] = &[
    &TEXT, &GRAPH, &SWITCH, &TALKER, &LINK, &QUEUE, &LOSS, &FAULTS, &RANDOM, &WRITE, &CAPTURE,
    &PLOT, &END,
];

/// The keys of a section as a table of Markdown, as it stands in the documentation.
pub(crate) fn markdown(section: &Section) -> String {
    let mut table = format!("### `{}`\n\n", section.head);
    table.push_str("| key | value | default | meaning |\n|---|---|---|---|\n");
    for (name, rest) in section.rows() {
        table.push_str(&format!("| `{name}` | {rest} |\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_whole() {
        for section in SECTIONS {
            for row in section.keys {
                let cells: Vec<_> = row.split(" | ").collect();
                let whole = cells.len() == 4 && cells.iter().all(|it| !it.trim().is_empty());
                assert!(whole, "{}: {row}", section.head);
            }
        }
    }
}
