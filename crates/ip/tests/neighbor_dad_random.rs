//! The check of an address beside a plain model that knows every rule and time of it, for both versions of IP: what
//! is asked and told when, what is an objection or our own echo, what is defended, what slows down. The model does
//! not know what chance draws: it says between which times, and takes what it sees.
#![cfg(feature = "alloc")]

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_ip::neighbor::{
    Dad, DadConfig, DadCounters, DadEvent, DadHeard, DadState, Defence, NdpBody, NdpMessage, Nonce,
    Own, solicited_node,
};
use waypost_wire::arp::{ArpHeader, ArpOperation};
use waypost_wire::{Duration, Instant, Ip, MacAddr};

const MAC: MacAddr = mac(1);

const fn mac(last: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0, last])
}

/// Ours, that of another interface of ours, and a stranger's.
fn is_own(it: MacAddr) -> bool {
    it == MAC || it == mac(2)
}

const SEC: u64 = 1_000_000_000;

struct Model<A> {
    config: DadConfig,
    addr: A,
    state: DadState,
    /// Probes of this address, those that are to be, and the nonces of those that left, by number.
    probes: u32,
    wanted: u32,
    nonces: Vec<(u32, Nonce)>,
    echoed: bool,
    announced: u8,
    timer: Option<u64>,
    /// From when on, and before when, a timer that was just set fires.
    window: Option<(u64, u64)>,
    defended: Option<u64>,
    conflicts: u32,
    began: Option<u64>,
    verdict: Option<DadEvent<A>>,
    probe: bool,
    announce: bool,
    total: DadCounters,
}

impl<A: Ip> Model<A> {
    fn new(config: DadConfig) -> Self {
        Self {
            config,
            addr: A::UNSPECIFIED,
            state: DadState::Idle,
            probes: 0,
            wanted: 0,
            nonces: Vec::new(),
            echoed: false,
            announced: 0,
            timer: None,
            window: None,
            defended: None,
            conflicts: 0,
            began: None,
            verdict: None,
            probe: false,
            announce: false,
            total: DadCounters::default(),
        }
    }

    fn start(&mut self, now: u64, addr: A) {
        self.stop();
        self.addr = addr;
        self.wanted = self.config.probes.into();
        if self.wanted == 0 {
            return self.assign(now);
        }
        self.state = match self.config.optimistic {
            true => DadState::Optimistic,
            false => DadState::Tentative,
        };
        let pause = self.config.rate_limit_interval.as_nanos();
        let begin = match self.began {
            Some(before) if self.conflicts >= self.config.max_conflicts => now.max(before + pause),
            _ => now,
        };
        self.total.slowed += u64::from(begin > now);
        self.began = Some(begin);
        self.window = Some((begin, begin + self.config.first_delay.as_nanos()));
    }

    fn stop(&mut self) {
        self.state = DadState::Idle;
        (self.timer, self.window, self.defended) = (None, None, None);
        (self.probes, self.announced, self.echoed) = (0, 0, false);
        self.nonces.clear();
        (self.verdict, self.probe, self.announce) = (None, false, false);
    }

    fn timeout(&mut self, now: u64) {
        if self.timer.is_none_or(|due| due > now) {
            return;
        }
        self.timer = None;
        if self.state == DadState::Assigned {
            return self.tell(now);
        }
        if self.probes >= self.wanted && std::mem::take(&mut self.echoed) {
            self.wanted += u32::from(self.config.echo_probes);
        }
        if self.probes >= self.wanted {
            return self.assign(now);
        }
        self.probes += 1;
        self.probe = true;
        let (min, max) = (self.config.probe_min, self.config.probe_max);
        self.window = Some(match self.probes < self.wanted {
            true => {
                let first = now + min.as_nanos();
                (first, first + max.abs_diff(min).as_nanos())
            }
            false => {
                let settled = now + self.config.settle.as_nanos();
                (settled, settled)
            }
        });
    }

    fn assign(&mut self, now: u64) {
        self.state = DadState::Assigned;
        self.verdict = Some(DadEvent::Assigned { addr: self.addr });
        if self.config.announcements > 0 {
            self.tell(now);
        }
    }

    fn tell(&mut self, now: u64) {
        self.announced += 1;
        self.announce = true;
        if self.announced < self.config.announcements {
            self.timer = Some(now + self.config.announce_interval.as_nanos());
        }
    }

    fn is_checking(&self) -> bool {
        matches!(self.state, DadState::Tentative | DadState::Optimistic)
    }

    fn conflict(&mut self, now: u64, by: Option<MacAddr>) -> DadHeard {
        self.total.conflicts += 1;
        let pause = self.config.defend_interval.as_nanos();
        let lately = self.defended.is_some_and(|before| now < before + pause);
        let (keeps, defends) = match (self.state, self.config.defence) {
            (DadState::Assigned, Defence::Once) => (!lately, !lately),
            (DadState::Assigned, Defence::Always) => (true, !lately),
            (DadState::Assigned, Defence::Silent) => (true, false),
            _ => (false, false),
        };
        self.conflicts += u32::from(defends || !keeps);
        if defends {
            self.defended = Some(now);
            self.total.defences += 1;
            self.announce = true;
        }
        if !keeps {
            let (addr, was_used) = (self.addr, self.state != DadState::Tentative);
            self.stop();
            self.verdict = Some(DadEvent::Lost { addr, by, was_used });
        }
        DadHeard::Conflict
    }

    fn echo(&mut self) -> DadHeard {
        self.total.echoes += 1;
        DadHeard::Echo
    }
}

/// A packet of the link: of whom, about which address, whether an answer, and whether without an address of its own.
#[derive(Clone, Debug)]
struct Said {
    mac: u8,
    addr: u8,
    other: u8,
    kind: u8,
    nobody: bool,
    nonce: Option<usize>,
}

trait Family: Ip {
    fn candidate(n: u8) -> Self;
    fn hear(dad: &mut Dad<Self>, model: &mut Model<Self>, now: u64, said: &Said);
}

impl Family for Ipv4Addr {
    fn candidate(n: u8) -> Self {
        Self::new(10, 0, 0, n + 1)
    }
    fn hear(dad: &mut Dad<Self>, model: &mut Model<Self>, now: u64, said: &Said) {
        let (from, target) = (Self::candidate(said.addr), Self::candidate(said.other));
        let from = if said.nobody { Self::UNSPECIFIED } else { from };
        let by = mac(said.mac);
        let mut arp = ArpHeader::request(by, from, target);
        arp.set_operation(ArpOperation([1, 1, 2, 9][usize::from(said.kind)]));
        let wanted = if model.state == DadState::Idle || said.kind == 3 {
            DadHeard::Nothing
        } else {
            let probes = said.nobody && said.kind < 2 && target == model.addr;
            if from == model.addr || probes && model.is_checking() {
                match is_own(by) {
                    true => model.echo(),
                    false => model.conflict(now, Some(by)),
                }
            } else {
                DadHeard::Nothing
            }
        };
        assert_eq!(
            dad.handle_arp(Instant::from_nanos(now), &arp, is_own),
            wanted
        );
    }
}

impl Family for Ipv6Addr {
    fn candidate(n: u8) -> Self {
        Self::new(0xfe80, 0, 0, 0, 0, 0, 0, u16::from(n) + 1)
    }
    fn hear(dad: &mut Dad<Self>, model: &mut Model<Self>, now: u64, said: &Said) {
        let target = Self::candidate(said.addr);
        let by = (said.mac > 0).then(|| mac(said.mac));
        let asks = said.kind < 2;
        let source = if said.nobody && asks {
            Self::UNSPECIFIED
        } else {
            Self::candidate(9)
        };
        // One of ours, counted from the latest, or one of nobody's.
        let ours = said.nonce.map(|back| {
            let place = model.nonces.len().checked_sub(back + 1);
            place.map_or((0, [9; 6]), |place| model.nonces[place])
        });
        let body = match asks {
            true => NdpBody::Solicitation {
                target,
                mac: None,
                nonce: ours.map(|it| it.1),
            },
            false => NdpBody::Advertisement {
                target,
                mac: by,
                router: false,
                solicited: false,
                overrides: true,
            },
        };
        let message = NdpMessage {
            source,
            destination: solicited_node(target),
            body,
        };
        let is_about = target == model.addr;
        let wanted = if is_about && asks && said.nobody && model.is_checking() {
            // The latest eight are known again.
            if ours.is_some_and(|(number, _)| number > 0 && number + 8 > model.probes) {
                model.echoed = true;
                model.echo()
            } else {
                model.conflict(now, None)
            }
        } else if is_about && !asks && model.state != DadState::Idle {
            match by.is_some_and(is_own) {
                true => model.echo(),
                false => model.conflict(now, by),
            }
        } else {
            DadHeard::Nothing
        };
        assert_eq!(
            dad.handle_ndp(Instant::from_nanos(now), &message, is_own),
            wanted
        );
    }
}

#[derive(Clone, Debug)]
enum Op {
    Start(u8),
    Stop,
    Forget,
    Hear(Said),
    Sleep(u64),
    /// Sleeps until its timer.
    Wake,
}

fn op() -> impl Strategy<Value = Op> {
    let said = (0u8..4, 0u8..3, 0u8..3, 0u8..4, any::<bool>());
    let nonce = prop::sample::select(vec![0usize, 0, 1, 7, 7, 8]);
    let nonce = prop::option::weighted(0.8, nonce);
    let hear = (said, nonce).prop_map(|((mac, addr, other, kind, nobody), nonce)| {
        Op::Hear(Said {
            // A stranger as often as we.
            mac: if kind == 0 { 3 } else { mac },
            // Most are about the address that most checks are of.
            addr: addr.saturating_sub(1),
            other: other.saturating_sub(1),
            kind,
            nobody,
            nonce,
        })
    });
    prop_oneof![
        3 => (0u8..3).prop_map(|n| Op::Start(n.saturating_sub(1))),
        1 => Just(Op::Stop),
        1 => Just(Op::Forget),
        5 => hear,
        2 => (0u64..3 * SEC).prop_map(Op::Sleep),
        1 => (0u64..70 * SEC).prop_map(Op::Sleep),
        12 => Just(Op::Wake),
    ]
}

/// What happens, and whether its events are collected then; now and then a probe comes back after many more.
fn ops() -> impl Strategy<Value = Vec<(Op, bool)>> {
    let late_echo = (4usize..16, 0usize..10).prop_map(|(wakes, back)| {
        let echo = Op::Hear(Said {
            mac: 1,
            addr: 0,
            other: 0,
            kind: 0,
            nobody: true,
            nonce: Some(back),
        });
        let between = std::iter::repeat_n(Op::Wake, wakes);
        let ops = std::iter::once(Op::Start(0)).chain(between).chain([echo]);
        ops.map(|op| (op, true)).collect()
    });
    let part = prop_oneof![
        14 => (op(), prop::bool::weighted(0.9)).prop_map(|it| vec![it]),
        1 => late_echo,
    ];
    prop::collection::vec(part, 1..100).prop_map(|parts| parts.concat())
}

fn config() -> impl Strategy<Value = DadConfig> {
    let span = |millis: Vec<u64>| prop::sample::select(millis).prop_map(Duration::from_millis);
    let times = (
        span(vec![0, 1000]),
        span(vec![500, 1000]),
        span(vec![100, 1000, 2000]),
        span(vec![0, 1, 2000]),
        span(vec![0, 2000]),
    );
    let probes = prop::sample::select(vec![0u8, 1, 2, 3, 12]);
    let numbers = (probes, 0u8..4, 0u8..5, any::<bool>());
    let defences = vec![
        Defence::Never,
        Defence::Once,
        Defence::Always,
        Defence::Silent,
    ];
    let most = prop::sample::select(vec![0u32, 1, 2, u32::MAX]);
    let defence = (prop::sample::select(defences), span(vec![0, 10_000]), most);
    (times, numbers, defence, span(vec![0, 60_000]), any::<u64>()).prop_map(
        |(times, numbers, defence, rate_limit_interval, seed)| DadConfig {
            probes: numbers.0,
            first_delay: times.0,
            probe_min: times.1,
            probe_max: times.2,
            settle: times.3,
            announcements: numbers.1,
            announce_interval: times.4,
            echo_probes: numbers.2,
            optimistic: numbers.3,
            defence: defence.0,
            defend_interval: defence.1,
            max_conflicts: defence.2,
            rate_limit_interval,
            seed,
        },
    )
}

fn run<A: Family>(config: DadConfig, ops: &[(Op, bool)]) {
    let mut dad = Dad::<A>::new(config, MAC);
    let mut model = Model::<A>::new(config);
    let mut seen = BTreeSet::new();
    let mut now = SEC;
    for (op, collects) in ops {
        let at = Instant::from_nanos(now);
        match op {
            Op::Start(n) => {
                dad.start(at, A::candidate(*n));
                model.start(now, A::candidate(*n));
            }
            Op::Stop => {
                dad.stop();
                model.stop();
            }
            Op::Forget => {
                dad.forget_conflicts();
                model.conflicts = 0;
            }
            Op::Hear(said) => A::hear(&mut dad, &mut model, now, said),
            Op::Sleep(span) => now += span,
            Op::Wake => now = model.timer.unwrap_or(now).max(now),
        }
        if matches!(op, Op::Sleep(_) | Op::Wake) {
            dad.handle_timeout(Instant::from_nanos(now));
            model.timeout(now);
        }
        let timer = dad.poll_timeout().map(Instant::as_nanos);
        if let Some((first, end)) = model.window.take() {
            let drawn = timer.expect("a timer");
            assert!(
                (first..end.max(first + 1)).contains(&drawn),
                "{drawn}, {first}..{end}"
            );
            model.timer = timer;
        }
        assert_eq!(timer, model.timer);
        if *collects {
            assert_eq!(
                model.verdict.take(),
                collect(&mut dad, |it| {
                    matches!(it, DadEvent::Assigned { .. } | DadEvent::Lost { .. })
                })
            );
            let is_probe = |it: &DadEvent<A>| matches!(it, DadEvent::Probe { .. });
            match (
                std::mem::take(&mut model.probe),
                collect(&mut dad, is_probe),
            ) {
                (true, Some(DadEvent::Probe { addr, nonce })) => {
                    assert_eq!(addr, model.addr);
                    assert!(seen.insert(nonce), "each probe has a nonce of its own");
                    model.nonces.push((model.probes, nonce));
                }
                (wanted, found) => assert!(!wanted && found.is_none(), "{found:?}"),
            }
            let announced = DadEvent::Announce { addr: model.addr };
            let wanted = std::mem::take(&mut model.announce).then_some(announced);
            assert_eq!(dad.poll_event(), wanted);
            assert_eq!(dad.poll_event(), None);
        }
        assert_eq!((dad.state(), dad.counters()), (model.state, model.total));
        let own = match model.state {
            DadState::Idle | DadState::Tentative => None,
            DadState::Optimistic => Some((model.addr, Own::Optimistic)),
            DadState::Assigned => Some((model.addr, Own::Unicast)),
        };
        assert_eq!(dad.own(), own);
    }
}

/// The next event, if it is such a one; events come in the order verdict, probe, announcement.
fn collect<A: Ip>(dad: &mut Dad<A>, is_it: impl Fn(&DadEvent<A>) -> bool) -> Option<DadEvent<A>> {
    let next = dad.clone().poll_event()?;
    if is_it(&next) { dad.poll_event() } else { None }
}

proptest! {
    #[test]
    fn an_address_is_checked_and_defended_as_the_model_says(
        config in config(),
        ops in ops(),
    ) {
        run::<Ipv4Addr>(config, &ops);
        run::<Ipv6Addr>(config, &ops);
    }
}
