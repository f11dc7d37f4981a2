//! The router's account: where packets were dropped and why, and where they were answered with an ICMP error instead.

use std::fmt;

/// What the kernel had no room for was never the router's; streams are sent again, and everything else has to come whole.
const OVERRUN: &str = "kernel had no room";

/// What the router says that it has done with packets that did not go through it.
#[derive(Debug, Default)]
pub(super) struct Account {
    dropped: Vec<Dropped>,
    /// Elements that answer with ICMP errors, and how many packets they have answered.
    answered: Vec<(String, u64)>,
}

/// Packets dropped in one element for one reason.
#[derive(Debug, PartialEq, Eq)]
struct Dropped {
    packets: u64,
    element: String,
    reason: String,
}

/// Packets that the scene has the router drop.
#[derive(Clone, Copy, Debug)]
pub(super) struct ToBeDropped {
    pub(super) packets: u64,
    /// The element's name, or how it begins.
    pub(super) element: &'static str,
    pub(super) reason: &'static str,
}

impl Account {
    /// Reads the table of `waypost graph run --statistics`.
    pub(super) fn read(table: &[String]) -> Self {
        let mut account = Self::default();
        let mut element = "";
        for line in table {
            if let Some((packets, reason)) = line.trim().split_once(" × ") {
                let packets = packets.parse().unwrap_or(0);
                account.dropped.push(Dropped {
                    packets,
                    element: element.to_owned(),
                    reason: reason.to_owned(),
                });
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let [name, class, _, packets, ..] = words[..] else {
                continue;
            };
            element = name;
            let packets = packets.parse().unwrap_or(0);
            if class == "ICMPError" && packets > 0 {
                account.answered.push((name.to_owned(), packets));
            }
        }
        account
    }

    /// What was dropped otherwise than the scene wants it to be, in words; nothing if all is as it should be.
    pub(super) fn wrong(&self, wanted: &[ToBeDropped]) -> Vec<String> {
        let is_meant = |it: &Dropped, wanted: &ToBeDropped| {
            it.element.starts_with(wanted.element) && it.reason == wanted.reason
        };
        let mut wrong = Vec::new();
        for wanted in wanted {
            let meant = self.dropped.iter().filter(|it| is_meant(it, wanted));
            let found: u64 = meant.map(|it| it.packets).sum();
            if found != wanted.packets {
                let ToBeDropped {
                    packets,
                    element,
                    reason,
                } = wanted;
                wrong.push(format!(
                    "{packets} packets were to be dropped at {element} ({reason}), and {found} were"
                ));
            }
        }
        let others = self
            .dropped
            .iter()
            .filter(|it| it.reason != OVERRUN && !wanted.iter().any(|wanted| is_meant(it, wanted)));
        wrong.extend(others.map(|it| format!("nothing was to be dropped so: {it}")));
        wrong
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            packets,
            element,
            reason,
        } = self;
        write!(f, "{packets} at {element}: {reason}")
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packets: u64 = self.dropped.iter().map(|it| it.packets).sum();
        write!(f, "    packets dropped in the router: {packets}")?;
        for it in &self.dropped {
            write!(f, "\n        {it}")?;
        }
        let packets: u64 = self.answered.iter().map(|(_, packets)| packets).sum();
        write!(f, "\n    answered with an ICMP error instead: {packets}")?;
        for (element, packets) in &self.answered {
            write!(f, "\n        {packets} at {element}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
element                   class           calls  packets  dropped
leave_a/DropBroadcasts@1  DropBroadcasts      5        9        3
                            3 × link broadcast
from_a                    FromDevice         70      900        4
                            4 × kernel had no room
no_route                  ICMPError           3        3        0
no_port                   ICMPError           0        0        0
";
    const BROADCASTS: ToBeDropped = ToBeDropped {
        packets: 3,
        element: "leave_a/DropBroadcasts",
        reason: "link broadcast",
    };

    fn account() -> Account {
        let lines: Vec<String> = TABLE.lines().map(str::to_owned).collect();
        Account::read(&lines)
    }

    #[test]
    fn packets_are_counted_by_place_and_reason() {
        let expected = "    \
    packets dropped in the router: 7
        3 at leave_a/DropBroadcasts@1: link broadcast
        4 at from_a: kernel had no room
    answered with an ICMP error instead: 3
        3 at no_route";
        assert_eq!(account().to_string(), expected);
    }

    #[test]
    fn what_was_not_to_be_dropped_is_told() {
        assert!(account().wrong(&[BROADCASTS]).is_empty());
        let one_more = ToBeDropped {
            packets: 4,
            ..BROADCASTS
        };
        let expected =
            "4 packets were to be dropped at leave_a/DropBroadcasts (link broadcast), and 3 were";
        assert_eq!(account().wrong(&[one_more]), [expected]);
        let expected =
            "nothing was to be dropped so: 3 at leave_a/DropBroadcasts@1: link broadcast";
        assert_eq!(account().wrong(&[]), [expected]);
    }
}
