//! Changes of routes that wait for those before them.

use std::collections::{HashMap, VecDeque};

use waypost_ip::fib::NextHop;
use waypost_wire::Ipv4Prefix;

/// What becomes of a prefix: a next hop, or no route.
pub(super) type Target = (Ipv4Prefix, Option<NextHop>);

/// Changes in the order in which they were asked for, and what they will have made of each prefix.
#[derive(Debug, Default)]
pub(super) struct Queue {
    changes: VecDeque<Queued>,
    /// The number of the first; the others are counted from there.
    first: u64,
    /// The number of the last change of each prefix.
    last: HashMap<Ipv4Prefix, u64>,
}

#[derive(Debug)]
struct Queued {
    target: Target,
    /// The number of the change before it of the same prefix, done or not.
    earlier: Option<u64>,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    pub(super) fn push(&mut self, target: Target) {
        let number = self.first + self.changes.len() as u64;
        let earlier = self.last.insert(target.0, number);
        self.changes.push_back(Queued { target, earlier });
    }

    pub(super) fn front(&self) -> Option<Target> {
        self.changes.front().map(|it| it.target)
    }

    pub(super) fn pop_front(&mut self) -> Option<Target> {
        let (prefix, hop) = self.changes.pop_front()?.target;
        if self.last.get(&prefix) == Some(&self.first) {
            self.last.remove(&prefix);
        }
        self.first += 1;
        Some((prefix, hop))
    }

    /// Takes the last change back.
    pub(super) fn pop_back(&mut self) -> Option<Target> {
        let Queued { target, earlier } = self.changes.pop_back()?;
        match earlier.filter(|&number| number >= self.first) {
            Some(number) => self.last.insert(target.0, number),
            None => self.last.remove(&target.0),
        };
        Some(target)
    }

    /// What the last of the changes makes of a prefix; `None` if none changes it.
    pub(super) fn find(&self, prefix: Ipv4Prefix) -> Option<Option<NextHop>> {
        let number = self.last.get(&prefix)?;
        let queued = self.changes.get((number - self.first) as usize)?;
        Some(queued.target.1)
    }

    /// The last change of each prefix.
    pub(super) fn last_of_each(&self) -> impl Iterator<Item = Target> {
        let numbered = (self.first..).zip(&self.changes);
        numbered.filter_map(|(number, queued)| {
            let is_last = self.last.get(&queued.target.0) == Some(&number);
            is_last.then_some(queued.target)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Ipv4Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn the_last_change_of_a_prefix_counts_from_either_end() {
        let (a, b) = (prefix("10.0.0.0/8"), prefix("11.0.0.0/8"));
        let (one, two) = (NextHop::new(1), NextHop::new(2));
        let mut queue = Queue::default();
        for target in [(a, one), (b, one), (a, None), (a, two)] {
            queue.push(target);
        }
        assert_eq!(queue.find(a), Some(two));
        assert_eq!(queue.pop_back(), Some((a, two)));
        assert_eq!(queue.find(a), Some(None));
        assert_eq!(queue.pop_front(), Some((a, one)));
        assert_eq!(queue.find(a), Some(None));
        let last: Vec<_> = queue.last_of_each().collect();
        assert_eq!(last, [(b, one), (a, None)]);
        // What it was before this is done already.
        assert_eq!(queue.pop_back(), Some((a, None)));
        assert_eq!(queue.find(a), None);
        assert_eq!(queue.front(), Some((b, one)));
        assert_eq!(queue.pop_front(), Some((b, one)));
        assert!(queue.last.is_empty() && queue.len() == 0);
    }
}
