//! The limits of ICMP errors beside a plain model, for both versions of IP: one bucket for all, one for each prefix
//! in one of few places, and which prefix loses its place to another; and senders that count what they wrote and why
//! they did not.
#![cfg(feature = "alloc")]

mod plain;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use plain::Bucket;
use proptest::prelude::*;
use waypost_ip::icmp::{ErrorLimiter, ErrorSender, LimitConfig, NotSent, Origin, PrefixBucket, v6};
use waypost_wire::icmpv4::{Icmpv4Header, TimeExceeded};
use waypost_wire::icmpv6::{self, Icmpv6Header};
use waypost_wire::ipv6::Ipv6FragmentHeader;
use waypost_wire::{Instant, Ip, IpProtocol, Ipv4Header, Ipv4Packet, Ipv6Header, Ipv6Packet};

/// The limit of all: between these, since what an error costs is drawn where there is jitter.
struct Model<A> {
    least: Bucket,
    most: Bucket,
    places: Vec<Option<(A, Bucket)>>,
    config: LimitConfig,
    replaced: u64,
}

impl<A: Ip> Model<A> {
    fn new(config: LimitConfig, now: u64) -> Self {
        let global = Bucket::new(config.rate, config.burst, now);
        Self {
            least: global.clone(),
            most: global,
            places: vec![None; config.prefixes],
            config,
            replaced: 0,
        }
    }

    /// The place of a prefix, in the stead of the one that used its tokens least if it has none.
    fn place(&mut self, now: u64, to: A) -> Option<usize> {
        let prefix = to.truncated(self.config.prefix_len);
        let is_of = |it: &Option<(A, Bucket)>| it.as_ref().is_some_and(|it| it.0 == prefix);
        if let Some(place) = self.places.iter().position(is_of) {
            return Some(place);
        }
        let left: Vec<u128> = self
            .places
            .iter_mut()
            .map(|it| it.as_mut().map_or(u128::MAX, |it| it.1.tokens(now)))
            .collect();
        // Of equal ones the last.
        let place = (0..left.len()).max_by_key(|place| left[*place])?;
        let (rate, burst) = (self.config.prefix_rate, self.config.prefix_burst);
        self.replaced += u64::from(left[place] < u128::from(burst));
        self.places[place] = Some((prefix, Bucket::new(rate, burst, now)));
        Some(place)
    }

    /// Both answers where either may be.
    fn check(&mut self, now: u64, to: A) -> Vec<Result<(), NotSent>> {
        if let Some(place) = self.place(now, to)
            && let Some((_, bucket)) = &mut self.places[place]
            && bucket.tokens(now) == 0
        {
            return vec![Err(NotSent::PrefixLimit)];
        }
        let (least, most) = (self.least.tokens(now), self.most.tokens(now));
        let yes = (most > 0).then_some(Ok(()));
        let no = (least == 0).then_some(Err(NotSent::RateLimit));
        yes.into_iter().chain(no).collect()
    }

    fn take(&mut self, now: u64, to: A) {
        if let Some(place) = self.place(now, to)
            && let Some((_, bucket)) = &mut self.places[place]
        {
            bucket.take(now);
        }
        self.most.take_up_to(1, now);
        self.least
            .take_up_to(u128::from(self.config.jitter) + 1, now);
    }
}

/// Up to four places: one set, in which any prefix may take any place.
fn config() -> impl Strategy<Value = LimitConfig> {
    let rates = || prop::sample::select(vec![0u64, 1, 7, 1000, u64::MAX]);
    let bursts = || prop::sample::select(vec![0u32, 1, 2, 3, 10, 200]);
    let jitter = prop::sample::select(vec![0u32, 0, 0, 1, 3]);
    let all = (rates(), bursts());
    let each = (rates(), bursts());
    (all, each, 0usize..=4, jitter, any::<u64>()).prop_map(
        |((rate, burst), (prefix_rate, prefix_burst), prefixes, jitter, seed)| LimitConfig {
            rate,
            burst,
            prefix_rate,
            prefix_burst,
            prefix_len: 0,
            prefixes,
            jitter,
            seed,
        },
    )
}

/// To whom, and how long before.
fn errors() -> impl Strategy<Value = Vec<(u8, u8, u64)>> {
    let spans = prop_oneof![
        3 => Just(0u64),
        3 => 0u64..2_000_000,
        2 => 0u64..2_000_000_000,
    ];
    prop::collection::vec((0u8..7, any::<u8>(), spans), 1..120)
}

fn limiter<A: Family>(config: LimitConfig, errors: &[(u8, u8, u64)]) {
    let config = LimitConfig {
        prefix_len: A::PREFIX,
        ..config
    };
    let start = Instant::from_secs(1);
    let mut limiter = ErrorLimiter::<A, _>::new(Vec::new(), config, start);
    let mut model = Model::<A>::new(config, start.as_nanos());
    let mut now = start.as_nanos();
    for (net, host, span) in errors {
        now += span;
        let (at, to) = (Instant::from_nanos(now), A::host(*net, *host));
        let wanted = model.check(now, to);
        let found = limiter.check(at, to);
        assert!(wanted.contains(&found), "{found:?}, of {wanted:?}");
        if found.is_ok() {
            limiter.take(at, to);
            model.take(now, to);
        }
        assert_eq!(limiter.replaced(), model.replaced);
    }
}

/// Where prefixes have places of their own, none knows of another.
fn own_places<A: Family>(config: LimitConfig, errors: &[(u8, u8, u64)]) {
    let config = LimitConfig {
        prefix_len: A::PREFIX,
        prefixes: 64,
        rate: u64::MAX,
        burst: u32::MAX,
        ..config
    };
    let mut limiter = ErrorLimiter::<A, _>::new([PrefixBucket::EMPTY; 64], config, Instant::ZERO);
    let mut buckets: BTreeMap<u8, Bucket> = BTreeMap::new();
    let mut now = 0;
    for (net, host, span) in errors {
        // Four prefixes, which have room even where all are of one set.
        let net = net % 4;
        now += span;
        let (at, to) = (Instant::from_nanos(now), A::host(net, *host));
        let new = || Bucket::new(config.prefix_rate, config.prefix_burst, now);
        let bucket = buckets.entry(net).or_insert_with(new);
        let found = limiter.check(at, to);
        if bucket.take(now) {
            assert_eq!(found, Ok(()));
            limiter.take(at, to);
        } else {
            assert_eq!(found, Err(NotSent::PrefixLimit));
        }
        assert_eq!(limiter.replaced(), 0);
    }
}

/// What is wrong with a packet about which an error is to be sent.
#[derive(Clone, Copy, Debug)]
enum About {
    Nothing,
    LaterFragment,
    Error,
    Group,
    Link,
    Nobody,
    /// The error has no room.
    Short,
}

impl About {
    const ALL: [Self; 10] = [
        Self::Nothing,
        Self::Nothing,
        Self::Nothing,
        Self::Nothing,
        Self::LaterFragment,
        Self::Error,
        Self::Group,
        Self::Link,
        Self::Nobody,
        Self::Short,
    ];
}

trait Family: Ip {
    const PREFIX: u8;
    fn host(net: u8, host: u8) -> Self;
    fn write(
        sender: &mut ErrorSender<Self, Vec<PrefixBucket<Self>>>,
        now: Instant,
        from: Self,
        about: About,
    ) -> Result<usize, NotSent>;
}

impl Family for Ipv4Addr {
    const PREFIX: u8 = 24;
    fn host(net: u8, host: u8) -> Self {
        Self::new(10, 0, net, host)
    }
    fn write(
        sender: &mut ErrorSender<Self, Vec<PrefixBucket<Self>>>,
        now: Instant,
        from: Self,
        about: About,
    ) -> Result<usize, NotSent> {
        let us = Self::new(192, 0, 2, 1);
        let mut origin = Origin::new(us);
        let from = if matches!(about, About::Nobody) {
            Self::UNSPECIFIED
        } else {
            from
        };
        let to = if matches!(about, About::Group) {
            Self::new(224, 0, 0, 5)
        } else {
            us
        };
        origin.link_broadcast = matches!(about, About::Link);
        let is_error = matches!(about, About::Error);
        let protocol = if is_error {
            IpProtocol::ICMP
        } else {
            IpProtocol::UDP
        };
        let mut header = Ipv4Header::new(protocol, from, to, 8);
        if matches!(about, About::LaterFragment) {
            header.set_fragment_offset(8);
        }
        header.fill_checksum();
        let bytes = [&header.as_bytes()[..], &[3, 0, 0, 0, 0, 0, 0, 0]].concat();
        let packet = Ipv4Packet::parse(&bytes).unwrap();
        let message = Icmpv4Header::time_exceeded(TimeExceeded::IN_TRANSIT);
        let room = if matches!(about, About::Short) {
            55
        } else {
            56
        };
        sender.write(now, &mut [0; 56][..room], &packet, message, &origin)
    }
}

impl Family for Ipv6Addr {
    const PREFIX: u8 = 64;
    fn host(net: u8, host: u8) -> Self {
        Self::new(0x2001, 0xdb8, 0, net.into(), 0, 0, 0, host.into())
    }
    fn write(
        sender: &mut ErrorSender<Self, Vec<PrefixBucket<Self>>>,
        now: Instant,
        from: Self,
        about: About,
    ) -> Result<usize, NotSent> {
        let us = Self::new(0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 1);
        let mut origin = v6::Origin::new(us);
        let from = if matches!(about, About::Nobody) {
            Self::UNSPECIFIED
        } else {
            from
        };
        let group = Self::new(0xff02, 0, 0, 0, 0, 0, 0, 5);
        let to = if matches!(about, About::Group) {
            group
        } else {
            us
        };
        origin.link_broadcast = matches!(about, About::Link);
        // A later fragment of ICMPv6 may be one of an error.
        let (protocol, upper) = match about {
            About::Error => (IpProtocol::ICMPV6, vec![1, 0, 0, 0, 0, 0, 0, 0]),
            About::LaterFragment => {
                let fragment = Ipv6FragmentHeader::new(IpProtocol::ICMPV6, 8, false, 7);
                let upper = [&fragment.as_bytes()[..], &[0; 8]].concat();
                (IpProtocol::FRAGMENT, upper)
            }
            _ => (IpProtocol::UDP, vec![0; 8]),
        };
        let header = Ipv6Header::new(protocol, from, to, upper.len() as u16);
        let bytes = [&header.as_bytes()[..], &upper].concat();
        let packet = Ipv6Packet::parse(&bytes).unwrap();
        let message = Icmpv6Header::time_exceeded(icmpv6::TimeExceeded::IN_TRANSIT);
        let room = if matches!(about, About::Short) {
            95
        } else {
            96
        };
        sender.write(now, &mut [0; 96][..room], &packet, message, &origin)
    }
}

/// The reasons in the order of which the first one counts: what may not be sent asks nothing of the limits, and what
/// was not written takes nothing from them.
fn sender<A: Family>(config: LimitConfig, errors: &[(u8, u8, u64)], about: &[About]) {
    let config = LimitConfig {
        prefix_len: A::PREFIX,
        ..config
    };
    let mut sender = ErrorSender::<A, _>::new(Vec::new(), config, Instant::ZERO);
    let mut model = Model::<A>::new(config, 0);
    let (mut sent, mut not_sent) = (0, BTreeMap::<&str, u64>::new());
    let mut now = 0;
    for ((net, host, span), about) in errors.iter().zip(about.iter().cycle()) {
        now += span;
        let from = A::host(*net, *host);
        let found = A::write(&mut sender, Instant::from_nanos(now), from, *about);
        let forbidden = match about {
            About::Nothing | About::Short => None,
            About::LaterFragment if A::VERSION == 6 => Some(NotSent::AboutError),
            About::LaterFragment => Some(NotSent::LaterFragment),
            About::Error => Some(NotSent::AboutError),
            About::Group => Some(NotSent::Destination),
            About::Link => Some(NotSent::LinkBroadcast),
            About::Nobody => Some(NotSent::Source),
        };
        let wanted = match forbidden {
            Some(reason) => vec![Err(reason)],
            None => model.check(now, from),
        };
        let found = match (found.map(|_| ()), about) {
            (Err(NotSent::NoRoom), About::Short) => {
                assert!(wanted.contains(&Ok(())), "{wanted:?}");
                *not_sent.entry(NotSent::NoRoom.name()).or_default() += 1;
                continue;
            }
            (found, About::Short) => {
                assert!(found.is_err(), "an error without room");
                found
            }
            (found, _) => found,
        };
        assert!(wanted.contains(&found), "{found:?}, of {wanted:?}");
        match found {
            Ok(()) => {
                model.take(now, from);
                sent += 1;
            }
            Err(reason) => *not_sent.entry(reason.name()).or_default() += 1,
        }
    }
    assert_eq!(sender.sent(), sent);
    for reason in [
        NotSent::AboutError,
        NotSent::LaterFragment,
        NotSent::Destination,
        NotSent::LinkBroadcast,
        NotSent::Source,
        NotSent::RateLimit,
        NotSent::PrefixLimit,
        NotSent::NoRoom,
    ] {
        let counted = not_sent.get(reason.name()).copied().unwrap_or(0);
        assert_eq!(sender.not_sent(reason), counted, "{reason}");
    }
}

proptest! {
    #[test]
    fn limits_are_those_of_the_model(config in config(), errors in errors()) {
        limiter::<Ipv4Addr>(config, &errors);
        limiter::<Ipv6Addr>(config, &errors);
    }

    #[test]
    fn a_prefix_with_a_place_has_all_of_its_rate(config in config(), errors in errors()) {
        own_places::<Ipv4Addr>(config, &errors);
        own_places::<Ipv6Addr>(config, &errors);
    }

    #[test]
    fn what_is_not_sent_is_counted_and_takes_nothing(
        config in config(),
        errors in errors(),
        about in prop::collection::vec(prop::sample::select(About::ALL.to_vec()), 1..60),
    ) {
        sender::<Ipv4Addr>(config, &errors, &about);
        sender::<Ipv6Addr>(config, &errors, &about);
    }
}
