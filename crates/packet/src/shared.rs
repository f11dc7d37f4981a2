//! Frozen packets: cheap to clone, read-only.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::NonNull;

use crate::allocator::Allocator;
use crate::descriptor::{Descriptor, SHARED};
use crate::packet::Packet;
use crate::pool::Class;
use crate::sync::Ordering;

/// A frozen packet: read-only octets, and handles that are cheap to clone, on any thread.
///
/// For retransmission, tees and caches. Stores that hold packets for long copy them out instead, so
/// that they cannot drain the pool of a device.
pub struct Shared {
    descriptor: NonNull<Descriptor>,
}

impl Packet {
    /// Gives up writing the packet for handles that are cheap to clone.
    pub fn freeze(mut self) -> Shared {
        let raw = self.raw_mut();
        raw.holders.store(1, Ordering::Relaxed);
        if raw.flags & SHARED == 0 {
            raw.flags |= SHARED;
            raw.references.store(1, Ordering::Relaxed);
        }
        Shared {
            descriptor: self.into_descriptor(),
        }
    }
}

impl Shared {
    /// Takes the packet back, without a copy, if this is its last handle.
    ///
    /// # Errors
    /// There are other handles: this one comes back.
    pub fn try_unique(self) -> Result<Packet, Self> {
        if self.raw().holders.load(Ordering::Acquire) != 1 {
            return Err(self);
        }
        let descriptor = ManuallyDrop::new(self).descriptor;
        // SAFETY: nobody else holds the descriptor.
        #[allow(unsafe_code)]
        Ok(unsafe { Packet::from_descriptor(descriptor) })
    }

    /// A packet over the same octets, to be sent: nothing is copied until somebody writes to it.
    /// `None` if the pool is exhausted.
    pub fn packet(&self, allocator: &mut Allocator) -> Option<Packet> {
        if self.raw().class == Class::Heap {
            return allocator.copy_packet(&self.view());
        }
        let mut view = self.view();
        view.share(allocator)
    }

    /// The packet behind the handle, for reading and for counting further references.
    #[allow(unsafe_code)]
    fn view(&self) -> ManuallyDrop<Packet> {
        // SAFETY: it is never dropped, and no field of the descriptor is written through it: `share`
        // sets a flag only where it is not yet set, and `freeze` has set it.
        ManuallyDrop::new(unsafe { Packet::from_descriptor(self.descriptor) })
    }

    #[allow(unsafe_code)]
    fn raw(&self) -> &Descriptor {
        // SAFETY: a handle keeps its descriptor alive, and nobody writes it but by atomics.
        unsafe { self.descriptor.as_ref() }
    }
}

impl Clone for Shared {
    fn clone(&self) -> Self {
        self.raw().holders.fetch_add(1, Ordering::Relaxed);
        Self {
            descriptor: self.descriptor,
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.raw().holders.fetch_sub(1, Ordering::AcqRel) == 1 {
            // SAFETY: the last handle is gone: the packet is its.
            #[allow(unsafe_code)]
            drop(unsafe { Packet::from_descriptor(self.descriptor) });
        }
    }
}

impl Deref for Shared {
    type Target = [u8];

    #[allow(unsafe_code)]
    fn deref(&self) -> &[u8] {
        let it = self.raw();
        // SAFETY: `offset + len <= capacity` always holds, and all octets of a frame are initialised.
        unsafe {
            core::slice::from_raw_parts(it.base.as_ptr().add(it.offset as usize), it.len as usize)
        }
    }
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

// SAFETY: handles only read, and count with atomics; the last one takes the packet, which is `Send`.
#[allow(unsafe_code)]
unsafe impl Send for Shared {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Shared {}
