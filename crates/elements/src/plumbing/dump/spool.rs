//! Records on their way into a capture file.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Octets that are gathered before they are written, or a little more.
const GATHERED: usize = 1 << 16;

/// Where records go: a file, or standard output, which all workers share.
pub(super) struct Target {
    stream: Box<dyn Write + Send>,
    /// What has to be written before anything else: the file's head, or the end of a record that is there in part.
    first: Vec<u8>,
}

impl Target {
    /// A stream that begins with a head, which is written with the first records.
    pub(super) fn new(stream: Box<dyn Write + Send>, head: Vec<u8>) -> Self {
        Self {
            stream,
            first: head,
        }
    }

    /// Writes records, and says how many of their octets it has written.
    fn write(&mut self, octets: &[u8]) -> (usize, io::Result<()>) {
        let (written, result) = write_some(&mut self.stream, &self.first);
        self.first.drain(..written);
        match result {
            Ok(()) => write_some(&mut self.stream, octets),
            Err(error) => (0, Err(error)),
        }
    }
}

/// Writes as much as can be written.
fn write_some(stream: &mut impl Write, octets: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < octets.len() {
        match stream.write(&octets[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

/// Gathers records, and knows which of them were written.
pub(super) struct Spool {
    target: Arc<Mutex<Target>>,
    octets: Vec<u8>,
    /// Where each record ends.
    ends: Vec<usize>,
}

/// Records that could not be written.
#[derive(Debug)]
pub(super) struct Unwritten {
    pub(super) records: u64,
    pub(super) error: io::Error,
}

impl Spool {
    pub(super) fn new(target: Arc<Mutex<Target>>) -> Self {
        Self {
            target,
            octets: Vec::with_capacity(GATHERED),
            ends: Vec::new(),
        }
    }

    /// Forgets what was gathered.
    pub(super) fn clear(&mut self) {
        self.octets.clear();
        self.ends.clear();
    }

    /// Whether it is time to write.
    pub(super) fn is_full(&self) -> bool {
        self.octets.len() >= GATHERED
    }

    /// Writes what was gathered, with nothing of other workers in between. What cannot be written is lost; a record of which a part
    /// is in the file counts as lost, and its end goes first the next time, so that what comes after it can be read.
    pub(super) fn write_out(&mut self) -> Result<(), Unwritten> {
        let mut target = self.target.lock().unwrap_or_else(PoisonError::into_inner);
        let (written, result) = target.write(&self.octets);
        let whole = self.ends.partition_point(|&end| end <= written);
        let begins = self.ends[..whole].last().copied().unwrap_or(0);
        if let Some(&end) = self.ends.get(whole).filter(|_| written > begins) {
            target.first.extend_from_slice(&self.octets[written..end]);
        }
        let records = (self.ends.len() - whole) as u64;
        drop(target);
        self.clear();
        result.map_err(|error| Unwritten { records, error })
    }
}

impl Write for Spool {
    /// Takes one record, whole.
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        self.octets.extend_from_slice(record);
        self.ends.push(self.octets.len());
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out().map_err(|it| it.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with so much room, and what is on it.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(usize, Vec<u8>)>>);

    impl Write for Disk {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let (room, held) = &mut *self.0.lock().unwrap();
            // As disks do, it takes what it has room for.
            let count = octets.len().min(*room).min(3);
            *room -= count;
            held.extend_from_slice(&octets[..count]);
            match count {
                0 => Err(io::ErrorKind::StorageFull.into()),
                _ => Ok(count),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_full_disk_does_not_take_is_counted_and_the_rest_can_be_read() {
        let disk = Disk::default();
        let target = Target::new(Box::new(disk.clone()), b"head ".to_vec());
        let target = Arc::new(Mutex::new(target));
        let mut spools = [Arc::clone(&target), target].map(Spool::new);
        for (room, records, lost) in [
            (0, ["a1 ", "a2 "], 2),
            (3, ["b1 ", "b2 "], 2),
            // The rest of the head, one record, and a part of the next.
            (6, ["c1 ", "c2 "], 1),
            (0, ["d1 ", "d2 "], 2),
            (100, ["e1 ", "e2 "], 0),
        ] {
            disk.0.lock().unwrap().0 = room;
            let spool = &mut spools[room % 2];
            for record in records {
                spool.write_all(record.as_bytes()).unwrap();
            }
            let found = spool.write_out().map_err(|it| it.records).err();
            assert_eq!(found.unwrap_or(0), lost, "{records:?}");
        }
        let held = disk.0.lock().unwrap().1.clone();
        assert_eq!(String::from_utf8(held).unwrap(), "head c1 c2 e1 e2 ");
    }
}
