//! The device trait and the frames that cross it.

use core::ffi::c_int;
use core::task::Waker;

use waypost_wire::Instant;

use crate::{Capabilities, DeviceError, DeviceStatistics, FrameMeta};

/// A network device: batches of frames in both directions.
///
/// Neither direction blocks, and neither drops on its own account: what a device does not take stays
/// with the caller, so that a full device is felt by whoever feeds it.
pub trait NetDev {
    /// A received frame: owned, or lent for the duration of the call.
    // Not bounded by `Self: 'a`: with that bound, no device that borrows could be called.
    type RxFrame<'a>: RxFrame;

    /// Room for one frame to send.
    type TxFrame<'a>: TxFrame;

    /// What the device is and what it can complete.
    fn capabilities(&self) -> Capabilities;

    /// Hands at most `max` received frames to `each`, in the order of their arrival, until there is none or `each`
    /// [leaves](RxFrame::leave) one, and says how many were taken.
    ///
    /// # Errors
    /// The device is gone or failed; frames that were handed out before the failure stay handed out. A device that is down says
    /// so each time, until it is up again or a frame comes.
    fn receive(
        &mut self,
        now: Instant,
        max: usize,
        each: impl FnMut(Self::RxFrame<'_>),
    ) -> Result<usize, DeviceError>;

    /// Offers room for at most `max` frames to `each`, one after the other, until the device is full
    /// or `each` drops a slot unsent, and says how many frames were sent.
    ///
    /// # Errors
    /// The device is gone or failed; the count of frames sent before it is in its own statistics.
    fn transmit(
        &mut self,
        now: Instant,
        max: usize,
        each: impl FnMut(Self::TxFrame<'_>),
    ) -> Result<usize, DeviceError>;

    /// How many frames [`transmit`](Self::transmit) would take now.
    ///
    /// The device reclaims finished frames first, hence `&mut`.
    fn room(&mut self, now: Instant) -> usize;

    /// How many frames the device has accepted and not handed on yet: [`room`](Self::room) and
    /// [`transmit`](Self::transmit) try it again.
    fn unsent(&self) -> usize {
        0
    }

    /// What the device has counted, as far as it knows without asking anybody; `None` if it does not count.
    fn counted(&self) -> Option<DeviceStatistics> {
        None
    }

    /// How many frames were lost before the device saw them, since it was opened. The answer may cost a system call.
    fn overruns(&mut self) -> u64 {
        0
    }

    /// Whether received frames wait for memory: the device found none in the last [`receive`](Self::receive).
    fn wants_memory(&self) -> bool {
        false
    }

    /// How to learn that the device has become ready.
    fn wakeup(&self) -> Wakeup {
        Wakeup::Poll
    }

    /// Leaves a waker to be woken once when the device becomes ready for `receive` or `transmit`.
    ///
    /// Of use only for a device that answers [`Wakeup::Waker`].
    fn register(&mut self, waker: &Waker) {
        let _ = waker;
    }
}

/// How the readiness of a device is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wakeup {
    /// A file descriptor that polls readable when frames can be received, writable when they can be sent.
    Fd(c_int),
    /// The device has to be polled.
    Poll,
    /// The device wakes the waker left with [`NetDev::register`].
    Waker,
}

/// A received frame.
///
/// An owned one has left the device. One that is lent is taken by whoever it is offered to, unless they [leave](Self::leave) it.
pub trait RxFrame: Sized {
    /// The frame, from its link header on.
    fn octets(&self) -> &[u8];

    /// The frame, to be changed in place.
    fn octets_mut(&mut self) -> &mut [u8];

    /// What the octets do not say.
    fn meta(&self) -> FrameMeta;

    /// Leaves a frame that is lent in the device, for want of memory say: the call that offered it ends, without counting it, and
    /// the next one offers it again, first, as its octets are now. An owned frame cannot be left: it is dropped.
    fn leave(self) {}
}

/// Room for one frame to send. Dropped unsent, it ends the call that offered it.
pub trait TxFrame {
    /// The longest frame that fits, in octets.
    fn capacity(&self) -> usize;

    /// Sends a frame of `len` octets that `fill` writes; the octets it is shown hold old data.
    ///
    /// A `len` above [`capacity`](Self::capacity) sends nothing: the device counts it as too long.
    fn send(self, len: usize, meta: FrameMeta, fill: impl FnOnce(&mut [u8]));
}

/// A frame lent by a device: its octets stay in the device's memory.
#[derive(Debug)]
pub struct LentRx<'a> {
    octets: &'a mut [u8],
    meta: FrameMeta,
    left: &'a mut bool,
}

impl<'a> LentRx<'a> {
    /// Lends `octets`, described by `meta`; `left` is true then if the frame is to stay in the device, and to be lent again by the
    /// next call.
    pub fn new(octets: &'a mut [u8], meta: FrameMeta, left: &'a mut bool) -> Self {
        *left = false;
        Self { octets, meta, left }
    }
}

impl RxFrame for LentRx<'_> {
    fn octets(&self) -> &[u8] {
        self.octets
    }

    fn octets_mut(&mut self) -> &mut [u8] {
        self.octets
    }

    fn meta(&self) -> FrameMeta {
        self.meta
    }

    #[cold]
    fn leave(self) {
        *self.left = true;
    }
}

/// A slot of a device's memory in which a frame to send is written.
#[derive(Debug)]
pub struct LentTx<'a> {
    octets: &'a mut [u8],
    sent: &'a mut Option<(usize, FrameMeta)>,
    too_long: Option<&'a mut u64>,
}

impl<'a> LentTx<'a> {
    /// Lends `octets`; the length and the metadata of what is sent are left in `sent`, which is
    /// `None` again for a slot that was dropped unsent or asked to hold more than it can.
    pub fn new(octets: &'a mut [u8], sent: &'a mut Option<(usize, FrameMeta)>) -> Self {
        *sent = None;
        Self {
            octets,
            sent,
            too_long: None,
        }
    }

    /// Lends `octets` as [`new`](Self::new) does, and adds one to `too_long` if more is asked of them
    /// than they hold.
    pub fn counting(
        octets: &'a mut [u8],
        sent: &'a mut Option<(usize, FrameMeta)>,
        too_long: &'a mut u64,
    ) -> Self {
        *sent = None;
        Self {
            octets,
            sent,
            too_long: Some(too_long),
        }
    }
}

impl TxFrame for LentTx<'_> {
    fn capacity(&self) -> usize {
        self.octets.len()
    }

    fn send(self, len: usize, meta: FrameMeta, fill: impl FnOnce(&mut [u8])) {
        if let Some(octets) = self.octets.get_mut(..len) {
            fill(octets);
            *self.sent = Some((len, meta));
        } else if let Some(too_long) = self.too_long {
            *too_long += 1;
        }
    }
}
