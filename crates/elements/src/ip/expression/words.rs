//! The words of expressions: how a text falls into them, and what names stand for which numbers.

use waypost_wire::IpProtocol;

/// Words, and the signs between them.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        let alone = match sign {
            '(' | ')' | '?' => Some(sign.to_string()),
            '!' | '=' | '<' | '>' => Some(if signs.next_if_eq(&'=').is_some() {
                format!("{sign}=")
            } else {
                sign.to_string()
            }),
            '&' | '|' => Some(if signs.next_if_eq(&sign).is_some() {
                format!("{sign}{sign}")
            } else {
                sign.to_string()
            }),
            _ => None,
        };
        if alone.is_none() && !sign.is_whitespace() {
            word.push(sign);
            continue;
        }
        if !word.is_empty() {
            tokens.push(std::mem::take(&mut word));
        }
        tokens.extend(alone);
    }
    if !word.is_empty() {
        tokens.push(word);
    }
    tokens
}

type Names = [(&'static str, u16)];

pub(super) const PROTOCOLS: &Names = &[
    ("icmp", IpProtocol::ICMP.0 as u16),
    ("igmp", 2),
    ("ipip", 4),
    ("tcp", IpProtocol::TCP.0 as u16),
    ("udp", IpProtocol::UDP.0 as u16),
];

pub(super) const PORTS: &Names = &[
    ("echo", 7),
    ("discard", 9),
    ("daytime", 13),
    ("chargen", 19),
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("dns", 53),
    ("bootps", 67),
    ("bootpc", 68),
    ("tftp", 69),
    ("finger", 79),
    ("www", 80),
    ("pop3", 110),
    ("sunrpc", 111),
    ("auth", 113),
    ("nntp", 119),
    ("ntp", 123),
    ("netbios-ns", 137),
    ("netbios-dgm", 138),
    ("netbios-ssn", 139),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("irc", 194),
    ("imap3", 220),
    ("https", 443),
    ("rip", 520),
    ("route", 520),
    ("imaps", 993),
    ("pop3s", 995),
];

/// The bits of the flags.
pub(super) const TCP_FLAGS: &Names = &[
    ("fin", 1),
    ("syn", 2),
    ("rst", 4),
    ("psh", 8),
    ("ack", 16),
    ("urg", 32),
];

pub(super) const ICMP_TYPES: &Names = &[
    ("echo-reply", 0),
    ("unreachable", 3),
    ("unreach", 3),
    ("sourcequench", 4),
    ("redirect", 5),
    ("echo", 8),
    ("routeradvert", 9),
    ("routersolicit", 10),
    ("timeexceeded", 11),
    ("parameterproblem", 12),
    ("timestamp", 13),
    ("timestamp-reply", 14),
    ("inforeq", 15),
    ("inforeq-reply", 16),
    ("maskreq", 17),
    ("maskreq-reply", 18),
];

/// The number of a name.
pub(super) fn named(names: &Names, word: &str) -> Option<u32> {
    let found = names.iter().find(|(name, _)| *name == word);
    found.map(|(_, number)| u32::from(*number))
}
