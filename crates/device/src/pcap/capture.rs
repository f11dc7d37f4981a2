//! A device whose frames are written into a capture file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use waypost_netdev::{
    Capabilities, DeviceError, Direction, FrameMeta, Medium, NetDev, ObservedTx, RxFrame, Seen,
    Trace, VlanTag,
};
use waypost_wire::{Instant, WallTime};

use super::{Format, LinkType, RECORD_MAX, Writer};

/// A device whose frames are written into a pcapng file as they cross it, both ways, with direction and
/// nanoseconds.
///
/// A received frame has the time that the device gives, any other the time of the call. Frames are written
/// as they cross: a super-segment is one record, a checksum that was left to a device is unfinished in the
/// file too. A VLAN tag that lies beside the octets is put into the record.
///
/// Traffic never suffers: an error while writing, of a full disk say, ends the capture and is [kept](Self::error),
/// and the device goes on. But each frame waits until it is written: a stream should be buffered.
#[derive(Debug)]
pub struct Capture<D, W> {
    device: D,
    log: Log<W>,
    /// A frame that is left in the device is written already.
    seen: Seen,
}

impl<D: NetDev> Capture<D, BufWriter<File>> {
    /// Writes the frames of `device` into a new file, buffered.
    ///
    /// # Errors
    /// The file cannot be made or written.
    pub fn create(device: D, path: impl AsRef<Path>) -> io::Result<Self> {
        Self::new(
            device,
            BufWriter::with_capacity(1 << 16, File::create(path)?),
        )
    }
}

impl<D: NetDev, W: Write> Capture<D, W> {
    /// Writes the frames of `device` into `stream`.
    ///
    /// # Errors
    /// The stream cannot be written, or there is no link type for the device's medium.
    pub fn new(device: D, stream: W) -> io::Result<Self> {
        let link_type = match device.capabilities().medium {
            Medium::Ethernet(_) => LinkType::ETHERNET,
            Medium::Ip => LinkType::RAW,
            other => {
                let message = format!("no link type of capture files stands for {other:?}");
                return Err(io::Error::new(io::ErrorKind::Unsupported, message));
            }
        };
        let writer = Writer::new(stream, Format::Pcapng, link_type, RECORD_MAX)?;
        let log = Log {
            writer,
            origin: None,
            tagged: Vec::new(),
            written: 0,
            missed: 0,
            error: None,
        };
        Ok(Self {
            device,
            log,
            seen: Seen::new(),
        })
    }

    /// Says what time the calls' clock begins at; by default it is the system's time less that of the first call.
    #[must_use]
    pub fn with_origin(mut self, origin: WallTime) -> Self {
        self.log.origin = Some(origin);
        self
    }

    /// Frames written.
    pub fn written(&self) -> u64 {
        self.log.written
    }

    /// Frames that crossed after the capture had ended in an error, the first of them included.
    pub fn missed(&self) -> u64 {
        self.log.missed
    }

    /// What ended the capture, if it has ended.
    pub fn error(&self) -> Option<&io::Error> {
        self.log.error.as_ref()
    }

    /// Hands what is buffered to the operating system.
    ///
    /// # Errors
    /// The stream cannot be written; that ends the capture too. After it there is nothing to flush.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.log.error.is_some() {
            return Ok(());
        }
        self.log.writer.flush().inspect_err(|error| {
            self.log.error = Some(copy(error));
        })
    }

    /// The device within.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// The device within. What is received or sent on it directly is not written.
    pub fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }

    /// The device, no longer captured, and the stream, with what is buffered in it.
    pub fn into_parts(self) -> (D, W) {
        (self.device, self.log.writer.into_stream())
    }
}

/// An error cannot be cloned, but what it says can.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// The file, and how it went.
#[derive(Debug)]
struct Log<W> {
    writer: Writer<W>,
    origin: Option<WallTime>,
    /// A frame whose tag was put back.
    tagged: Vec<u8>,
    written: u64,
    missed: u64,
    error: Option<io::Error>,
}

impl<W: Write> Log<W> {
    fn record(&mut self, direction: Direction, now: Instant, octets: &[u8], meta: &FrameMeta) {
        if self.error.is_some() {
            self.missed += 1;
            return;
        }
        let received = meta.timestamp.filter(|_| direction == Direction::Receive);
        let time = received.unwrap_or_else(|| self.time(now));
        let octets = match meta.vlan {
            Some(tag) => insert(tag, octets, &mut self.tagged),
            None => octets,
        };
        match self.writer.write_way(direction, time, octets, octets.len()) {
            Ok(()) => self.written += 1,
            Err(error) => {
                self.error = Some(error);
                self.missed += 1;
            }
        }
    }

    fn time(&mut self, now: Instant) -> WallTime {
        let since_origin = now.duration_since(Instant::ZERO);
        let origin = *self.origin.get_or_insert_with(|| {
            let wall = SystemTime::now().duration_since(UNIX_EPOCH);
            let nanos = wall.map_or(0, |wall| wall.as_nanos() as u64);
            let wall = WallTime::from_unix_nanos(nanos);
            wall.checked_sub(since_origin)
                .unwrap_or(WallTime::UNIX_EPOCH)
        });
        origin.checked_add(since_origin).unwrap_or(WallTime::MAX)
    }
}

/// The frame with its tag behind the link addresses (IEEE 802.1Q §9.3), in `room`.
fn insert<'a>(tag: VlanTag, octets: &'a [u8], room: &'a mut Vec<u8>) -> &'a [u8] {
    let Some((addresses, rest)) = octets.split_at_checked(12) else {
        return octets;
    };
    room.clear();
    room.extend_from_slice(addresses);
    room.extend_from_slice(&tag.tpid.to_be_bytes());
    room.extend_from_slice(&tag.tci.to_be_bytes());
    room.extend_from_slice(rest);
    room
}

/// A device for the duration of a call, so that [`Trace`] can be laid around it.
struct Within<'d, D>(&'d mut D);

impl<D: NetDev> NetDev for Within<'_, D> {
    type RxFrame<'a> = D::RxFrame<'a>;
    type TxFrame<'a> = D::TxFrame<'a>;

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn receive(
        &mut self,
        now: Instant,
        max: usize,
        each: impl FnMut(D::RxFrame<'_>),
    ) -> Result<usize, DeviceError> {
        self.0.receive(now, max, each)
    }

    fn transmit(
        &mut self,
        now: Instant,
        max: usize,
        each: impl FnMut(D::TxFrame<'_>),
    ) -> Result<usize, DeviceError> {
        self.0.transmit(now, max, each)
    }

    fn room(&mut self, now: Instant) -> usize {
        self.0.room(now)
    }
}

impl<D: NetDev, W: Write> NetDev for Capture<D, W> {
    type RxFrame<'a> = D::RxFrame<'a>;
    type TxFrame<'a> = ObservedTx<'a>;

    fn receive(
        &mut self,
        now: Instant,
        max: usize,
        mut each: impl FnMut(D::RxFrame<'_>),
    ) -> Result<usize, DeviceError> {
        let Self { device, log, seen } = self;
        let result = device.receive(now, max, |frame| {
            if seen.offer() {
                log.record(Direction::Receive, now, frame.octets(), &frame.meta());
            }
            each(frame);
        });
        seen.end(result);
        result
    }

    fn transmit(
        &mut self,
        now: Instant,
        max: usize,
        each: impl FnMut(ObservedTx<'_>),
    ) -> Result<usize, DeviceError> {
        let Self { device, log, .. } = self;
        let record = |direction, now, octets: &[u8], meta: &FrameMeta| {
            log.record(direction, now, octets, meta);
        };
        Trace::new(Within(device), record).transmit(now, max, each)
    }

    fn room(&mut self, now: Instant) -> usize {
        self.device.room(now)
    }

    waypost_netdev::forward!(device: capabilities, unsent, counted, overruns, wants_memory, wakeup, register);
}

impl<D: AsFd, W> AsFd for Capture<D, W> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}
