//! Captures of simulated links.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use waypost_device::pcap::{Format, LinkType, RECORD_MAX, Writer};
use waypost_netdev::Direction;
use waypost_sim::{Fate, Framing, Observer, Seen, Side};
use waypost_wire::WallTime;

/// An observer that writes what one end of a link sees into a pcapng file: what that end sends when it is sent, whatever
/// becomes of it, and what reaches it when it arrives. So times in the file are those that a program at this end would
/// measure.
///
/// Times are the virtual ones, in nanoseconds from 1970 on, and each frame says its direction. The same run gives the
/// same octets.
///
/// An error while writing, of a full disk say, ends the capture and is [kept](Self::error); the run goes on.
///
/// ```
/// use waypost::device::pcap::Reader;
/// use waypost::sim::{Framing, LinkConfig, Side, Simulation, Talker};
/// use waypost::simulated::Capture;
/// use waypost::wire::{Duration, Instant, MacAddr};
///
/// let mut net = Simulation::new(1);
/// let macs = [1, 2].map(|last| MacAddr::new([2, 0, 0, 0, 0, last]));
/// let (every, rng) = (Duration::from_secs(1), net.rng("talkers"));
/// let a = net.add("a", Talker::new(macs[0], vec![macs[1]], every, 60, rng.split("a")))?;
/// let b = net.add("b", Talker::new(macs[1], vec![], every, 60, rng.split("b")))?;
/// let slow = LinkConfig { delay: Duration::from_millis(5), ..LinkConfig::ethernet() };
/// let wire = net.connect("wire", a, b, slow)?;
/// let capture = net.observe(&[wire], Capture::new(Vec::new(), Framing::Ethernet, Side::A)?)?;
/// net.run_until(Instant::from_secs(10))?;
///
/// let capture: &mut Capture<Vec<u8>> = net.observer_mut(capture).ok_or("no such observer")?;
/// let file = capture.finish()?.unwrap_or_default();
/// let mut file = Reader::new(&file[..])?;
/// let asked = file.next()?.ok_or("no request")?.time;
/// let answered = file.next()?.ok_or("no reply")?.time;
/// assert_eq!(answered - asked, Duration::from_millis(10));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Capture<W> {
    /// None once the stream was taken.
    writer: Option<Writer<W>>,
    side: Side,
    written: u64,
    missed: u64,
    error: Option<io::Error>,
}

impl Capture<BufWriter<File>> {
    /// A capture into a new file, buffered.
    ///
    /// # Errors
    /// The file cannot be made or written.
    pub fn create(path: impl AsRef<Path>, framing: Framing, side: Side) -> io::Result<Self> {
        Self::new(BufWriter::new(File::create(path)?), framing, side)
    }
}

impl<W: Write> Capture<W> {
    /// What this side of a link of such a framing sees. It is to [observe](waypost_sim::Simulation::observe) one link.
    ///
    /// # Errors
    /// The stream cannot be written, or there is no link type for the framing.
    pub fn new(stream: W, framing: Framing, side: Side) -> io::Result<Self> {
        let link_type = match framing {
            Framing::Ethernet => LinkType::ETHERNET,
            Framing::Ip => LinkType::RAW,
            other => {
                let message = format!("no link type of capture files stands for {other:?}");
                return Err(io::Error::new(io::ErrorKind::Unsupported, message));
            }
        };
        Ok(Self {
            writer: Some(Writer::new(stream, Format::Pcapng, link_type, RECORD_MAX)?),
            side,
            written: 0,
            missed: 0,
            error: None,
        })
    }

    /// Frames written.
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Frames that were to be written after the capture had ended, and the one that ended it in an error.
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    /// What ended the capture, if it has ended.
    pub const fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// Ends the capture, and gives the stream back, flushed; nothing if that was done before.
    ///
    /// # Errors
    /// The stream cannot be written, or could not be before.
    pub fn finish(&mut self) -> io::Result<Option<W>> {
        if let Some(error) = self.error.take() {
            self.writer = None;
            return Err(error);
        }
        let Some(mut writer) = self.writer.take() else {
            return Ok(None);
        };
        writer.flush()?;
        Ok(Some(writer.into_stream()))
    }
}

impl<W: Write + 'static> Observer for Capture<W> {
    fn see(&mut self, seen: &Seen<'_>) {
        let direction = match seen.fate {
            Fate::Sent { .. } if seen.side == self.side => Direction::Transmit,
            Fate::Delivered if seen.side != self.side => Direction::Receive,
            _ => return,
        };
        let Some(writer) = self.writer.as_mut().filter(|_| self.error.is_none()) else {
            self.missed += 1;
            return;
        };
        let time = WallTime::from_unix_nanos(seen.at.as_nanos());
        let len = seen.octets.len();
        match writer.write_way(direction, time, seen.octets, len) {
            Ok(()) => self.written += 1,
            Err(error) => {
                self.missed += 1;
                self.error = Some(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use waypost_sim::{Frame, LinkConfig, Loss, Node, Output, Simulation};
    use waypost_wire::Instant;

    use super::*;

    /// Sends three frames.
    struct Three;

    impl Node for Three {
        fn receive(&mut self, _: Instant, _: usize, _: Frame, _: &mut Output<'_>) {}
        fn poll(&mut self, _: Instant, out: &mut Output<'_>) {
            (0..3).for_each(|_| out.send(0, Frame::zeroed(60)));
        }
    }

    /// A stream with room for so many octets.
    #[derive(Debug)]
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0 = self
                .0
                .checked_sub(octets.len())
                .ok_or(io::ErrorKind::StorageFull)?;
            Ok(octets.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn captured<W: Write + 'static>(
        stream: W,
        side: Side,
        look: impl FnOnce(&mut Capture<W>) -> (u64, u64),
    ) -> (u64, u64) {
        let mut net = Simulation::new(1);
        let (a, b) = (net.add("a", Three).unwrap(), net.add("b", Three).unwrap());
        let lossy = LinkConfig {
            loss: Loss::Numbers([1].into()),
            ..LinkConfig::ip()
        };
        let wire = net.connect("wire", a, b, lossy).unwrap();
        let capture = Capture::new(stream, Framing::Ip, side).unwrap();
        let capture = net.observe(&[wire], capture).unwrap();
        net.run_until(Instant::from_secs(1)).unwrap();
        look(net.observer_mut(capture).unwrap())
    }

    #[test]
    fn an_end_sees_what_it_sends_and_what_arrives() {
        for side in Side::ALL {
            let counts = captured(Vec::new(), side, |capture| {
                assert!(!capture.finish().unwrap().unwrap().is_empty());
                assert!(capture.finish().unwrap().is_none());
                (capture.written(), capture.missed())
            });
            assert_eq!(counts, (5, 0));
        }
    }

    #[test]
    fn a_full_disk_ends_the_capture_and_not_the_run() {
        let counts = captured(Full(300), Side::A, |capture| {
            let error = capture.error().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            let counts = (capture.written(), capture.missed());
            assert!(capture.finish().is_err());
            counts
        });
        assert_eq!(counts.0 + counts.1, 5);
        assert!(counts.1 > 0);
    }
}
