//! What the copies of an ARPQuerier tell each other: answers come in where the link's hash has them, not where they are waited for.

use std::collections::{HashSet, VecDeque};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use waypost_wire::MacAddr;
use waypost_wire::arp::ArpHeader;

/// What one worker has to tell the others.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    /// An ARP packet came in, which may answer what another has asked.
    Heard(ArpHeader),
    /// A neighbour that was asked has answered.
    Confirmed(Ipv4Addr, MacAddr),
}

/// Items that are kept. A worker that lags behind by more asks the neighbours it misses itself.
const KEPT: usize = 1024;

/// The news of all workers, in one order.
pub(super) struct News {
    /// Items told so far.
    told: AtomicU64,
    log: Mutex<Log>,
    /// Whom each worker knew when it was asked last.
    known: Mutex<Vec<HashSet<Ipv4Addr>>>,
}

struct Log {
    told: u64,
    /// The last of them, and who told each.
    items: VecDeque<(usize, Item)>,
    wakers: Vec<Waker>,
}

/// One worker's place in the news.
#[derive(Debug)]
pub(super) struct Reader {
    worker: usize,
    seen: u64,
    waker: Waker,
}

impl Reader {
    pub(super) fn new(worker: usize) -> Self {
        Self {
            worker,
            seen: 0,
            waker: Waker::noop().clone(),
        }
    }
}

impl News {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            told: AtomicU64::new(0),
            log: Mutex::new(Log {
                told: 0,
                items: VecDeque::new(),
                wakers: vec![Waker::noop().clone(); workers],
            }),
            known: Mutex::new(vec![HashSet::new(); workers]),
        }
    }

    /// Has a worker woken when there is news from now on.
    #[inline]
    pub(super) fn listen(&self, reader: &mut Reader, waker: &Waker) {
        if !reader.waker.will_wake(waker) {
            reader.waker.clone_from(waker);
            if let Some(place) = self.log().wakers.get_mut(reader.worker) {
                place.clone_from(waker);
            }
        }
    }

    /// Whether there is news that a worker has not seen.
    #[inline]
    pub(super) fn is_news(&self, reader: &Reader) -> bool {
        self.told.load(Ordering::Relaxed) != reader.seen
    }

    /// What the other workers have told since a worker looked last.
    #[cold]
    pub(super) fn read(&self, reader: &mut Reader) -> Vec<Item> {
        let log = self.log();
        let missed = usize::try_from(log.told - reader.seen).unwrap_or(usize::MAX);
        reader.seen = log.told;
        let items = log
            .items
            .iter()
            .skip(log.items.len().saturating_sub(missed));
        let others = items.filter(|(by, _)| *by != reader.worker);
        others.map(|&(_, item)| item).collect()
    }

    /// Tells the other workers, and wakes them: packets of theirs may wait for it.
    #[cold]
    pub(super) fn tell(&self, reader: &Reader, items: impl IntoIterator<Item = Item>) {
        let mut log = self.log();
        for item in items {
            if log.items.len() == KEPT {
                log.items.pop_front();
            }
            log.items.push_back((reader.worker, item));
            log.told += 1;
        }
        self.told.store(log.told, Ordering::Relaxed);
        let wakers: Vec<Waker> = log.wakers.clone();
        drop(log);
        let others = wakers.into_iter().enumerate();
        others
            .filter(|(worker, _)| *worker != reader.worker)
            .for_each(|(_, waker)| waker.wake());
    }

    /// Of a worker's neighbours those that no worker before it knows: asked one after the other, all together tell of one table, in
    /// which each neighbour stands once.
    pub(super) fn first_known(
        &self,
        reader: &Reader,
        neighbors: impl Iterator<Item = Ipv4Addr>,
    ) -> HashSet<Ipv4Addr> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let own: HashSet<_> = neighbors.collect();
        let (before, rest) = known.split_at_mut(reader.worker);
        let first = own
            .iter()
            .filter(|address| !before.iter().any(|it| it.contains(address)));
        let first = first.copied().collect();
        if let Some(place) = rest.first_mut() {
            *place = own;
        }
        first
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_others_are_woken_and_one_that_lags_sees_the_last() {
        let (news, woken) = (News::new(2), Arc::new(Woken::default()));
        let (mut first, mut second) = (Reader::new(0), Reader::new(1));
        let waker = Waker::from(Arc::clone(&woken));
        news.listen(&mut first, &waker);
        let item = |last| Item::Confirmed(Ipv4Addr::from(last), MacAddr::BROADCAST);
        news.tell(&first, [item(0)]);
        assert_eq!(woken.0.load(Ordering::Relaxed), 0, "not who tells");
        assert!(news.is_news(&second));
        news.tell(&second, (1..=KEPT as u32).map(item));
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert_eq!(news.read(&mut first).len(), KEPT);
        assert!(
            news.read(&mut second).is_empty(),
            "the first's is forgotten"
        );
        assert!(!news.is_news(&first) && !news.is_news(&second));
    }
}
