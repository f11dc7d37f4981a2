//! Looking at links.

use std::any::Any;

use waypost_wire::Instant;

use crate::{Fate, LinkId, Side};

/// Something that befell a frame, as an observer sees it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// When, in virtual time.
    pub at: Instant,
    /// On which link.
    pub link: LinkId,
    /// Which end sent the frame.
    pub side: Side,
    /// The frame's number in its direction.
    pub number: u64,
    /// What befell it.
    pub fate: Fate,
    /// The frame, from its link header on.
    pub octets: &'a [u8],
    /// Frames that wait in this direction; the one that is told as sent is among them, if it is to wait.
    pub queued_frames: usize,
    /// Octets of frames that wait in this direction.
    pub queued_octets: usize,
}

/// Somebody who looks at links: a capture, a meter, a check. It changes nothing, and is no part of the run's identity.
///
/// A capture file is written by an observer that writes what is sent, or what is [delivered](Fate::Delivered), with
/// the time at which it is:
///
/// ```
/// use waypost_sim::{Fate, Observer, Seen};
///
/// #[derive(Default)]
/// struct Capture(Vec<(u64, Vec<u8>)>);
///
/// impl Observer for Capture {
///     fn see(&mut self, seen: &Seen<'_>) {
///         if seen.fate == Fate::Delivered {
///             self.0.push((seen.at.as_nanos(), seen.octets.to_vec()));
///         }
///     }
/// }
/// ```
pub trait Observer: Any {
    /// This happens.
    fn see(&mut self, seen: &Seen<'_>);

    /// The simulation was to run until now, and has come there. It may go on.
    fn reached(&mut self, now: Instant) {
        let _ = now;
    }
}

/// An observer of a [`Simulation`](crate::Simulation).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObserverId(pub(crate) u32);
