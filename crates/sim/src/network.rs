//! Links and what is on its way: all of a simulation but its nodes.

use std::fmt;

use waypost_wire::Instant;

use crate::link::{Direction, Run, Transit};
use crate::timers::Timers;
use crate::traffic::Traffic;
use crate::{
    Fate, Frame, LinkConfig, LinkId, Log, NodeId, Observer, Rng, Schedule, Seen, Series, Side,
};

/// What is to happen.
#[derive(Debug)]
pub(crate) enum Event {
    /// A frame comes to the end of a line.
    Arrive(u32, Transit),
    /// The transmitter of a line is free.
    Ready(u32),
    /// A node is to be polled.
    Wake(NodeId),
    /// Faults begin or end, of the schedule that was given at this turn.
    Fault(u32),
}

/// Links, by direction: that of [`Side::A`] of link n has the number 2n.
#[derive(Debug, Default)]
pub(crate) struct Network {
    lines: Vec<Line>,
    /// The line that each port of each node sends on.
    ports: Vec<Vec<Option<u32>>>,
    /// What the nodes have measured.
    series: Vec<Vec<Series>>,
    pub(crate) world: World,
}

/// One direction of a link, and where it leads.
#[derive(Debug)]
struct Line {
    direction: Direction,
    from: NodeId,
    to: (NodeId, usize),
    /// Observers of the link.
    watchers: Vec<u32>,
    /// The sender waits for room for a frame of this length, or of any.
    wanted: Option<Wanted>,
    /// When it is looked whether the transmitter is free, beside what the direction asks for.
    looked_at: Option<Instant>,
    /// Frames on their way.
    travelling: u64,
}

/// What a sender waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    /// Room for a frame, however long.
    Any,
    /// Room for a frame of this length.
    Frame(usize),
}

/// What a line needs beside itself.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) schedule: Schedule<Event>,
    pub(crate) timers: Timers,
    pub(crate) traffic: Traffic,
    /// What a core has sent and told that came to no end, or nothing.
    pub(crate) endless: u64,
    pub(crate) log: Log,
    pub(crate) observers: Vec<Box<dyn Observer>>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now).finish()
    }
}

/// What happens on a line goes into the schedule, the log, and to those who watch.
struct Effects<'a> {
    world: &'a mut World,
    line: u32,
    travelling: &'a mut u64,
    watchers: &'a [u32],
}

impl Run for Effects<'_> {
    #[inline]
    fn arrive(&mut self, at: Instant, transit: Transit) {
        *self.travelling += 1;
        self.world.traffic.begins(&transit.frame);
        let event = Event::Arrive(self.line, transit);
        self.world.schedule.push(at, event);
    }

    #[inline]
    fn ready(&mut self, at: Instant) {
        self.world.schedule.push(at, Event::Ready(self.line));
    }

    #[inline]
    fn happened(&mut self, fate: Fate, number: u64, frame: &Frame, queued: (usize, usize)) {
        let World {
            now,
            log,
            observers,
            ..
        } = self.world;
        let (link, side) = place(self.line);
        log.frame(*now, (link, side), number, frame, fate);
        for watcher in self.watchers {
            observers[*watcher as usize].see(&Seen {
                at: *now,
                link,
                side,
                number,
                fate,
                octets: frame,
                queued_frames: queued.0,
                queued_octets: queued.1,
            });
        }
    }
}

const fn place(line: u32) -> (LinkId, Side) {
    let side = if line.is_multiple_of(2) {
        Side::A
    } else {
        Side::B
    };
    (LinkId(line / 2), side)
}

const fn line_of(link: LinkId, side: Side) -> usize {
    link.index() * 2 + side as usize
}

impl Network {
    pub(crate) const fn now(&self) -> Instant {
        self.world.now
    }

    pub(crate) fn add_node(&mut self) {
        self.ports.push(Vec::new());
        self.series.push(Vec::new());
    }

    pub(crate) fn ports(&self, node: NodeId) -> usize {
        self.ports[node.index()].len()
    }

    /// The first port without a link.
    pub(crate) fn free_port(&self, node: NodeId) -> usize {
        let ports = &self.ports[node.index()];
        let free = ports.iter().position(Option::is_none);
        free.unwrap_or(ports.len())
    }

    pub(crate) fn has_link(&self, node: NodeId, port: usize) -> bool {
        self.line(node, port).is_some()
    }

    /// Adds both directions of a link, between ports that have none.
    pub(crate) fn add_link(
        &mut self,
        ends: [(NodeId, usize); 2],
        configs: [LinkConfig; 2],
        seed: &Rng,
    ) {
        for (config, side) in configs.into_iter().zip(Side::ALL) {
            let (from, port) = ends[side as usize];
            let label = if side == Side::A { "a" } else { "b" };
            let line = self.lines.len() as u32;
            self.lines.push(Line {
                direction: Direction::new(config, &seed.split(label)),
                from,
                to: ends[side.other() as usize],
                watchers: Vec::new(),
                wanted: None,
                looked_at: None,
                travelling: 0,
            });
            let ports = &mut self.ports[from.index()];
            if ports.len() <= port {
                ports.resize(port + 1, None);
            }
            ports[port] = Some(line);
        }
    }

    fn line(&self, node: NodeId, port: usize) -> Option<u32> {
        *self.ports[node.index()].get(port)?
    }

    /// Runs something on a line.
    #[inline]
    fn on<T>(
        &mut self,
        line: usize,
        what: impl FnOnce(&mut Direction, Instant, &mut Effects<'_>) -> T,
    ) -> T {
        let Line {
            direction,
            watchers,
            travelling,
            ..
        } = &mut self.lines[line];
        let now = self.world.now;
        let mut effects = Effects {
            world: &mut self.world,
            line: line as u32,
            travelling,
            watchers,
        };
        what(direction, now, &mut effects)
    }

    pub(crate) fn send(&mut self, node: NodeId, port: usize, frame: Frame) {
        match self.line(node, port) {
            Some(line) => self.on(line as usize, |direction, now, effects| {
                direction.send(now, frame, effects);
            }),
            None => self.world.log.unconnected(self.world.now, node, port),
        }
    }

    pub(crate) fn room(&self, node: NodeId, port: usize) -> usize {
        let line = self.line(node, port);
        line.map_or(0, |line| {
            self.lines[line as usize].direction.room(self.world.now)
        })
    }

    pub(crate) fn has_room(&self, node: NodeId, port: usize, len: usize) -> bool {
        let now = self.world.now;
        self.line(node, port)
            .is_some_and(|line| self.lines[line as usize].direction.has_room(now, len))
    }

    pub(crate) fn wait_for_room(&mut self, node: NodeId, port: usize, wanted: Wanted) {
        if let Some(line) = self.line(node, port) {
            self.lines[line as usize].wanted = Some(wanted);
            self.look_for_room(line as usize);
        }
    }

    /// Wakes the sender if it waits, and may go on.
    fn look_for_room(&mut self, line: usize) {
        let Line {
            direction,
            from,
            wanted,
            looked_at,
            ..
        } = &mut self.lines[line];
        let now = self.world.now;
        let has_room = match wanted {
            None => return,
            Some(Wanted::Any) => direction.room(now) > 0,
            Some(Wanted::Frame(len)) => direction.has_room(now, *len),
        };
        if has_room {
            *wanted = None;
            self.world.schedule.push(now, Event::Wake(*from));
        } else if let Some(free_at) = direction.free_at()
            && *looked_at != Some(free_at)
        {
            // Nobody looks after a transmitter that has nothing to send next.
            *looked_at = Some(free_at);
            self.world.schedule.push(free_at, Event::Ready(line as u32));
        }
    }

    /// The transmitter of a line may be free.
    pub(crate) fn ready(&mut self, line: u32) {
        let looked_at = &mut self.lines[line as usize].looked_at;
        if *looked_at == Some(self.world.now) {
            *looked_at = None;
        }
        self.on(line as usize, |direction, now, effects| {
            direction.ready(now, effects);
        });
        self.look_for_room(line as usize);
    }

    /// Where a line leads.
    pub(crate) fn end(&self, line: u32) -> (NodeId, usize) {
        self.lines[line as usize].to
    }

    /// A frame comes to the end of a line: it is handed out unless it is lost there.
    pub(crate) fn arrive(&mut self, line: u32, transit: Transit, open: bool) -> Option<Frame> {
        self.on(line as usize, |direction, _, effects| {
            *effects.travelling -= 1;
            effects.world.traffic.ends(&transit.frame);
            direction.arrive(transit, open, effects)
        })
    }

    /// The link on which the most frames are on their way, and how many.
    pub(crate) fn busiest(&self) -> Option<(LinkId, u64)> {
        let (both, _) = self.lines.as_chunks::<2>();
        let counts = both.iter().map(|[a, b]| a.travelling + b.travelling);
        let most = counts.zip(0..).max_by_key(|(count, link)| (*count, !*link));
        most.map(|(count, link)| (LinkId(link), count))
    }

    pub(crate) fn set_config(&mut self, link: LinkId, side: Side, config: LinkConfig) {
        let line = line_of(link, side);
        if *self.lines[line].direction.config() == config {
            return;
        }
        self.on(line, |direction, now, effects| {
            direction.set_config(now, config, effects);
        });
        self.look_for_room(line);
    }

    pub(crate) fn set_up(&mut self, link: LinkId, up: bool) {
        for side in Side::ALL {
            let line = line_of(link, side);
            self.on(line, |direction, now, effects| {
                direction.set_up(now, up, effects);
            });
            self.look_for_room(line);
        }
    }

    pub(crate) fn direction(&self, link: LinkId, side: Side) -> Option<&Direction> {
        let line = self.lines.get(line_of(link, side));
        line.map(|line| &line.direction)
    }

    pub(crate) fn watch(&mut self, link: LinkId, watcher: u32) {
        for side in Side::ALL {
            self.lines[line_of(link, side)].watchers.push(watcher);
        }
    }

    pub(crate) fn note(&mut self, node: NodeId, text: &dyn fmt::Display) {
        let now = self.world.now;
        self.world.log.note(now, node, text.to_string());
    }

    pub(crate) fn sample(&mut self, node: NodeId, name: &str, unit: &'static str, value: f64) {
        let all = &mut self.series[node.index()];
        let place = all.iter().position(|series| series.name() == name);
        let place = place.unwrap_or_else(|| {
            all.push(Series::new(name, unit));
            all.len() - 1
        });
        all[place].push(self.world.now, value);
    }

    pub(crate) fn series(&self, node: NodeId) -> &[Series] {
        let series = self.series.get(node.index());
        series.map_or(&[], |series| series.as_slice())
    }
}
