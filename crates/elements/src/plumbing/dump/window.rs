//! Which packets of a capture file are handed out, and when.

use waypost_device::pcap::LinkType;
use waypost_graph::{Args, Instant};
use waypost_wire::{Duration, EtherType, Ipv4Header, WallTime};

use crate::args::{Arg, TypedArgs};

/// What packets begin with, as Click names it, and the number in a file's header.
pub(super) const ENCAPSULATIONS: &[(&str, u32)] = &[
    ("ETHER", 1),
    ("IP", 101),
    ("FDDI", 10),
    ("802_11", 105),
    ("SLL", 113),
    ("PPP", 9),
    ("PPP_HDLC", 50),
    ("HDLC", 104),
    ("NULL", 0),
];

/// A time, in seconds since 1970.
struct Seconds(WallTime);

impl Arg for Seconds {
    const EXPECTED: &'static str = "a time in seconds since 1970";

    /// Digit by digit: a floating-point number has too few.
    fn parse(word: &str) -> Option<Self> {
        let (whole, fraction) = word.split_once('.').unwrap_or((word, ""));
        let digits = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
        let fraction = Some(fraction).filter(|it| it.len() <= 9 && digits(it))?;
        let nanos: u64 = format!("{fraction:0<9}").parse().ok()?;
        let seconds: u64 = Some(whole).filter(|it| digits(it))?.parse().ok()?;
        let all = seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?;
        Some(Self(WallTime::from_unix_nanos(all)))
    }
}

/// Where something begins or ends.
#[derive(Clone, Copy, Debug)]
enum Bound {
    At(WallTime),
    /// So long after the file's first packet.
    After(Duration),
    /// So long after the beginning.
    Interval(Duration),
}

/// From when to when packets are handed out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    start: Option<Bound>,
    end: Option<Bound>,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Before,
    Inside,
    Behind,
}

impl Window {
    pub(super) fn parse(args: &mut Args) -> Self {
        let mut bound = |keywords: [&str; 3]| {
            let at = args.keyword::<Seconds>(keywords[0]);
            let given = [
                at.map(|it| Bound::At(it.0)),
                args.keyword(keywords[1]).map(Bound::After),
                match keywords[2] {
                    "" => None,
                    keyword => args.keyword(keyword).map(Bound::Interval),
                },
            ];
            let mut given = keywords.into_iter().zip(given);
            let first = given.find_map(|(_, bound)| bound);
            for (keyword, _) in given.filter(|(_, bound)| bound.is_some()) {
                let names = keywords.join(" ");
                let wrong = format!("{} exclude each other", names.trim());
                args.refuse(keyword, wrong);
            }
            first
        };
        Self {
            start: bound(["START", "START_AFTER", ""]),
            end: bound(["END", "END_AFTER", "INTERVAL"]),
        }
    }

    /// Where a packet is; the first that is asked about is the file's first.
    pub(super) fn place(&mut self, time: WallTime) -> Place {
        let after = |span: Duration| {
            let nanos = time.as_unix_nanos().saturating_add(span.as_nanos());
            WallTime::from_unix_nanos(nanos)
        };
        if let Some(Bound::After(span)) = self.start {
            self.start = Some(Bound::At(after(span)));
        }
        let begin = match self.start {
            Some(Bound::At(begin)) => begin,
            _ => time,
        };
        let end = match self.end {
            Some(Bound::At(end)) => Some(end),
            Some(Bound::After(span)) => Some(after(span)),
            Some(Bound::Interval(span)) => {
                let nanos = begin.as_unix_nanos().saturating_add(span.as_nanos());
                Some(WallTime::from_unix_nanos(nanos))
            }
            None => None,
        };
        self.end = end.map(Bound::At);
        match (self.start, end) {
            (Some(Bound::At(begin)), _) if time < begin => Place::Before,
            (_, Some(end)) if time >= end => Place::Behind,
            _ => Place::Inside,
        }
    }

    /// The end was reached, and told: there is none any more.
    pub(super) fn open_end(&mut self) -> Option<WallTime> {
        match self.end.take() {
            Some(Bound::At(end)) => Some(end),
            _ => None,
        }
    }

    /// Sets an end.
    pub(super) fn end_at(&mut self, end: WallTime) {
        self.end = Some(Bound::At(end));
    }

    /// The end, once it is known.
    pub(super) fn end(&self) -> Option<WallTime> {
        match self.end {
            Some(Bound::At(end)) => Some(end),
            _ => None,
        }
    }
}

/// The pace of a file: the time at which a packet was handed out, and its own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace(Option<(Instant, WallTime)>);

impl Pace {
    /// When a packet is due; the first that is asked about is due now.
    pub(super) fn due(&mut self, time: WallTime, now: Instant) -> Instant {
        let (begun, first) = *self.0.get_or_insert((now, time));
        begun + time.duration_since(first)
    }
}

/// Where the IPv4 header of a packet is, and the header behind it; nothing if it has none, or not a whole one.
pub(super) fn ip_header(octets: &[u8], link: LinkType) -> Option<(usize, usize)> {
    let kind = |at: usize| {
        let found = octets.get(at..at + 2)?;
        Some(EtherType(u16::from_be_bytes([found[0], found[1]])))
    };
    const VLAN: EtherType = EtherType(0x8100);
    let at = match (link, link.0) {
        (LinkType::ETHERNET, _) => match kind(12)? {
            EtherType::IPV4 => 14,
            VLAN if kind(16)? == EtherType::IPV4 => 18,
            _ => return None,
        },
        (LinkType::RAW, _) => 0,
        (_, 113) if kind(14)? == EtherType::IPV4 => 16,
        (_, 0) => 4,
        _ => return None,
    };
    let (header, _) = Ipv4Header::split_from(octets.get(at..)?).ok()?;
    let len = header.header_len();
    let whole = header.version() == 4
        && len >= Ipv4Header::LEN
        && usize::from(header.total_length()) >= len
        && octets.len() >= at + len;
    whole.then_some((at, at + len))
}
