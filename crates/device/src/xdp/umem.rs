//! The region that the kernel reads and writes, and the frames of it that the kernel has.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use waypost_packet::{Packet, Pool};

use super::Interface;
use super::bpf::Program;

/// The kernel's unit of the region, in octets: the frames of the pool's small class.
pub(super) const CHUNK: usize = 2048;

/// A pool's region, as AF_XDP's UMEM: for any number of interfaces and queues, so that a packet goes from one to the other
/// without a copy.
///
/// The kernel learns of the region with the first device that is opened over it; the others share that registration.
#[derive(Clone, Debug)]
pub struct Umem {
    pool: Pool,
    sockets: Arc<Mutex<Vec<Weak<Socket>>>>,
}

impl Umem {
    /// The region of `pool`. Devices take their frames from its small class.
    pub fn new(pool: &Pool) -> Self {
        Self {
            pool: pool.clone(),
            sockets: Arc::default(),
        }
    }

    /// The pool.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Opens a socket over the region: on the registration of one that is open, or on one of its own. One at a time, so that
    /// two first ones do not both register.
    pub(super) fn open<E>(
        &self,
        mut open: impl FnMut(Option<BorrowedFd<'_>>) -> Result<Socket, E>,
    ) -> Result<Arc<Socket>, E> {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.retain(|socket| socket.strong_count() > 0);
        let other = sockets.iter().find_map(Weak::upgrade);
        // A registration's mode is that of its first device: one of another mode, or an error, tells in its own words.
        let shared = other.and_then(|other| open(Some(other.fd.as_fd())).ok());
        let socket = Arc::new(match shared {
            Some(socket) => socket,
            None => open(None)?,
        });
        sockets.push(Arc::downgrade(&socket));
        Ok(socket)
    }
}

/// A socket, and all that must outlive the kernel's use of the region.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) fd: OwnedFd,
    pub(super) zero_copy: bool,
    pub(super) queue: u32,
    pub(super) program: Option<Arc<Program>>,
    /// Frames that the kernel still had when a half of the device was dropped.
    left: Mutex<Vec<Held>>,
    pub(super) interface: Arc<Interface>,
    _pool: Pool,
}

impl Socket {
    pub(super) fn new(
        fd: OwnedFd,
        queue: u32,
        zero_copy: bool,
        program: Option<Arc<Program>>,
        interface: &Arc<Interface>,
        pool: &Pool,
    ) -> Self {
        Self {
            fd,
            zero_copy,
            queue,
            program,
            left: Mutex::default(),
            interface: Arc::clone(interface),
            _pool: pool.clone(),
        }
    }

    /// Keeps frames until the kernel has done with the region.
    pub(super) fn keep(&self, frames: &mut Held) {
        let frames = std::mem::take(frames);
        self.left
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(frames);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // The kernel writes into the region only what the program redirects: without it, and once everybody who was at it has
        // gone, the frames are this process's again, even if a duplicate of the descriptor is still open somewhere.
        if let Some(program) = self.program.take() {
            // Fails only if the queue has no socket any more.
            let _ = program.remove(self.queue);
        }
        let left = std::mem::take(self.left.get_mut().unwrap_or_else(PoisonError::into_inner));
        // A device that writes by itself stops some time after its socket is closed, and nobody learns when: what it may still
        // write into is never used again.
        if self.zero_copy || !wait_for_readers() {
            std::mem::forget(left);
        }
    }
}

/// Waits until every processor has left the kernel's code that it was in; false if the kernel cannot do that.
fn wait_for_readers() -> bool {
    const MEMBARRIER_CMD_GLOBAL: libc::c_int = 1;
    // SAFETY: no pointers.
    unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0 }
}

/// Frames that the kernel has, by the chunk that they lie in.
#[derive(Debug, Default)]
pub(super) struct Held {
    chunks: Box<[Option<Packet>]>,
    len: usize,
    /// The address of the region's first octet.
    start: usize,
}

impl Held {
    pub(super) fn new(pool: &Pool) -> Self {
        let region = pool.region();
        let chunks = region.len() / CHUNK;
        Self {
            chunks: (0..chunks).map(|_| None).collect(),
            len: 0,
            start: region.start().as_ptr().addr(),
        }
    }

    /// Takes over a packet, and says where its octets lie in the region. It comes back if it lies in another pool's, in more
    /// than one chunk, or where one that was given before lies.
    #[inline]
    pub(super) fn give(&mut self, packet: Packet) -> Result<u64, Packet> {
        // Below the region it wraps, and is beyond its end.
        let at = packet.octets().as_ptr().addr().wrapping_sub(self.start);
        match self.chunks.get_mut(at / CHUNK) {
            Some(place @ None) if at % CHUNK + packet.len() <= CHUNK => {
                *place = Some(packet);
                self.len += 1;
                Ok(at as u64)
            }
            _ => Err(packet),
        }
    }

    /// The packet in the chunk of an address that the kernel gives back.
    #[inline]
    pub(super) fn take(&mut self, address: u64) -> Option<Packet> {
        let packet = self.chunks.get_mut(address as usize / CHUNK)?.take()?;
        self.len -= 1;
        Some(packet)
    }

    /// How many frames these are.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}
