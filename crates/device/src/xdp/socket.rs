//! Calls on AF_XDP sockets.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::sys;

/// The rings' sizes, in entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) receive: Option<u32>,
    pub(super) send: Option<u32>,
    /// Both directions want the region's rings, used or not.
    pub(super) fill: u32,
    pub(super) completion: u32,
}

/// A socket with rings, and where their parts lie; not bound yet.
pub(super) fn open(sizes: &Sizes) -> io::Result<(OwnedFd, libc::xdp_mmap_offsets)> {
    use std::os::fd::AsFd;
    let socket = sys::socket(libc::AF_XDP, libc::SOCK_RAW, 0)?;
    let fd = socket.as_fd();
    let rings = [
        (libc::XDP_UMEM_FILL_RING, Some(sizes.fill)),
        (libc::XDP_UMEM_COMPLETION_RING, Some(sizes.completion)),
        (libc::XDP_RX_RING, sizes.receive),
        (libc::XDP_TX_RING, sizes.send),
    ];
    for (ring, size) in rings {
        if let Some(size) = size {
            sys::set_option(fd, libc::SOL_XDP, ring, size)?;
        }
    }
    // SAFETY: plain integers.
    let offsets = unsafe { sys::option(fd, libc::SOL_XDP, libc::XDP_MMAP_OFFSETS)? };
    Ok((socket, offsets))
}

/// Registers a region of `len` octets at `start`, in chunks of `chunk` octets.
///
/// # Safety
/// The region outlives the kernel's use of it, and nobody else uses what is handed to the kernel.
pub(super) unsafe fn register(
    socket: BorrowedFd<'_>,
    start: usize,
    len: usize,
    chunk: usize,
) -> io::Result<()> {
    let region = libc::xdp_umem_reg {
        addr: start as u64,
        len: len as u64,
        chunk_size: chunk as u32,
        headroom: 0,
        flags: 0,
        tx_metadata_len: 0,
    };
    sys::set_option(socket, libc::SOL_XDP, libc::XDP_UMEM_REG, region)
}

/// Binds to a queue: over the region of the socket `shared`, or its own.
pub(super) fn bind(
    socket: BorrowedFd<'_>,
    interface: u32,
    queue: u32,
    flags: u16,
    shared: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let (flags, shared) = match shared {
        // The mode is that of the registration.
        Some(other) => (libc::XDP_SHARED_UMEM, other.as_raw_fd().cast_unsigned()),
        None => (flags | libc::XDP_USE_NEED_WAKEUP, 0),
    };
    let address = libc::sockaddr_xdp {
        sxdp_family: libc::AF_XDP as u16,
        sxdp_flags: flags,
        sxdp_ifindex: interface,
        sxdp_queue_id: queue,
        sxdp_shared_umem_fd: shared,
    };
    for patience in 0..PATIENCE {
        // SAFETY: pointer and length are those of a value that lives through the call.
        let result = unsafe {
            libc::bind(
                socket.as_raw_fd(),
                (&raw const address).cast(),
                size_of_val(&address) as libc::socklen_t,
            )
        };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EBUSY) {
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(1 << patience));
    }
    Err(io::Error::from_raw_os_error(libc::EBUSY))
}

/// The kernel takes a closed socket off its queue some time later, in a worker of its own, and until then the queue is busy. So it
/// is asked again so often, after pauses that double from a millisecond on: a quarter of a second in all.
const PATIENCE: u32 = 8;

/// Whether the card reads and writes the region by itself.
pub(super) fn is_zero_copy(socket: BorrowedFd<'_>) -> bool {
    // SAFETY: plain integers.
    let options =
        unsafe { sys::option::<libc::xdp_options>(socket, libc::SOL_XDP, libc::XDP_OPTIONS) };
    options.is_ok_and(|it| it.flags & libc::XDP_OPTIONS_ZEROCOPY != 0)
}

/// What the kernel has counted; `None` if it does not say.
pub(super) fn statistics(socket: BorrowedFd<'_>) -> Option<libc::xdp_statistics> {
    // SAFETY: plain integers.
    unsafe { sys::option(socket, libc::SOL_XDP, libc::XDP_STATISTICS).ok() }
}

/// Lets the kernel send so many packets in one call, where it copies them; kernels before 6.17 send 32.
pub(super) fn set_send_budget(socket: BorrowedFd<'_>, packets: u32) {
    const XDP_MAX_TX_SKB_BUDGET: libc::c_int = 9;
    // Without it there are more calls.
    let _ = sys::set_option(socket, libc::SOL_XDP, XDP_MAX_TX_SKB_BUDGET, packets);
}

pub(super) use crate::sys::socket_error as error;

/// Makes the driver poll its receive queue; says what error that gave, 0 for none.
pub(super) fn wake_receiver(socket: BorrowedFd<'_>) -> libc::c_int {
    // SAFETY: no octets are received: the pointer is not used.
    let result = unsafe {
        libc::recv(
            socket.as_raw_fd(),
            std::ptr::null_mut(),
            0,
            libc::MSG_DONTWAIT,
        )
    };
    match result {
        0.. => 0,
        _ => io::Error::last_os_error().raw_os_error().unwrap_or(0),
    }
}

/// Makes the kernel send what lies in the ring, or a part of it.
pub(super) fn wake_sender(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: no octets are sent: the pointer is not used.
    let result = unsafe { libc::send(socket.as_raw_fd(), std::ptr::null(), 0, libc::MSG_DONTWAIT) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Polls the driver from this process's calls for `micros` at a time, `budget` packets at most, instead of by its interrupts.
pub(super) fn set_busy_polling(socket: BorrowedFd<'_>, micros: u32, budget: u32) -> io::Result<()> {
    const SO_PREFER_BUSY_POLL: libc::c_int = 69;
    const SO_BUSY_POLL_BUDGET: libc::c_int = 70;
    sys::set_option(socket, libc::SOL_SOCKET, SO_PREFER_BUSY_POLL, 1_u32)?;
    sys::set_option(socket, libc::SOL_SOCKET, libc::SO_BUSY_POLL, micros)?;
    sys::set_option(socket, libc::SOL_SOCKET, SO_BUSY_POLL_BUDGET, budget)
}
