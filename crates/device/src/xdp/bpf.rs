//! The program that hands an interface's frames to sockets, assembled here and loaded by bpf(2).
//!
//! Six instruction slots, no compiler and no loader: look the receive queue's socket up in a map, redirect the frame to it, and
//! where the queue has no socket pass the frame on to the kernel. The program is attached by a link, which the kernel takes down
//! when this process ends, however it ends.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::{CallSubject, OpenError};

/// Of linux/bpf.h and linux/if_link.h, which `libc` does not have.
mod uapi {
    pub(super) const BPF_MAP_CREATE: libc::c_int = 0;
    pub(super) const BPF_MAP_UPDATE_ELEM: libc::c_int = 2;
    pub(super) const BPF_MAP_DELETE_ELEM: libc::c_int = 3;
    pub(super) const BPF_PROG_LOAD: libc::c_int = 5;
    pub(super) const BPF_LINK_CREATE: libc::c_int = 28;
    pub(super) const BPF_LINK_DETACH: libc::c_int = 34;
    pub(super) const BPF_MAP_TYPE_XSKMAP: u32 = 17;
    pub(super) const BPF_PROG_TYPE_XDP: u32 = 6;
    pub(super) const BPF_XDP: u32 = 37;
    pub(super) const BPF_FUNC_REDIRECT_MAP: i32 = 51;
    pub(super) const BPF_PSEUDO_MAP_FD: u8 = 1;
    pub(super) const XDP_PASS: i32 = 2;
    pub(super) const XDP_FLAGS_SKB_MODE: u32 = 1 << 1;
    pub(super) const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;
    /// The offset of `rx_queue_index` in `struct xdp_md`.
    pub(super) const RX_QUEUE_INDEX: i16 = 16;
}

/// Where in the kernel frames are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XdpMode {
    /// In the driver, before the kernel makes a buffer of its own for them.
    Native,
    /// In the kernel's generic receive path: with any driver, for the price of that buffer.
    Generic,
}

/// `struct bpf_insn`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Instruction {
    code: u8,
    /// Destination register in the low half, source register in the high half.
    registers: u8,
    offset: i16,
    immediate: i32,
}

impl Instruction {
    /// `destination = *(u32 *)(source + offset)`
    const fn load_word(destination: u8, source: u8, offset: i16) -> Self {
        Self::new(0x61, destination, source, offset, 0)
    }

    /// `destination = immediate`
    const fn set(destination: u8, immediate: i32) -> Self {
        Self::new(0xb7, destination, 0, 0, immediate)
    }

    /// `destination = map`, in two slots.
    const fn load_map(destination: u8, map: i32) -> [Self; 2] {
        let first = Self::new(0x18, destination, uapi::BPF_PSEUDO_MAP_FD, 0, map);
        [first, Self::new(0, 0, 0, 0, 0)]
    }

    const fn call(function: i32) -> Self {
        Self::new(0x85, 0, 0, 0, function)
    }

    const fn exit() -> Self {
        Self::new(0x95, 0, 0, 0, 0)
    }

    const fn new(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> Self {
        Self {
            code,
            registers: destination | source << 4,
            offset,
            immediate,
        }
    }
}

/// `return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS)`
fn redirect(sockets: BorrowedFd<'_>) -> [Instruction; 6] {
    let [map, second] = Instruction::load_map(1, sockets.as_raw_fd());
    [
        Instruction::load_word(2, 1, uapi::RX_QUEUE_INDEX),
        map,
        second,
        Instruction::set(3, uapi::XDP_PASS),
        Instruction::call(uapi::BPF_FUNC_REDIRECT_MAP),
        Instruction::exit(),
    ]
}

/// The arguments of the commands: the beginnings of `union bpf_attr`.
#[repr(C)]
#[derive(Default)]
struct CreateMap {
    kind: u32,
    key_octets: u32,
    value_octets: u32,
    entries: u32,
}

#[repr(C)]
#[derive(Default)]
struct ChangeMap {
    map: u32,
    _padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
#[derive(Default)]
struct LoadProgram {
    kind: u32,
    instruction_count: u32,
    instructions: u64,
    licence: u64,
    log_level: u32,
    log_octets: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attach_kind: u32,
}

#[repr(C)]
#[derive(Default)]
struct CreateLink {
    program: u32,
    interface: u32,
    attach_kind: u32,
    flags: u32,
}

#[repr(C)]
#[derive(Default)]
struct DetachLink {
    link: u32,
}

/// `bpf(2)`.
///
/// # Safety
/// `attributes` are those of the command, and what they point to lives through the call.
unsafe fn bpf<T>(command: libc::c_int, attributes: &T) -> io::Result<libc::c_int> {
    // SAFETY: by the caller's promise; the kernel reads as many octets as it is told there are.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            (&raw const *attributes).cast::<libc::c_void>(),
            size_of::<T>(),
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result as libc::c_int)
    }
}

/// As [`bpf`], for a command that answers with a descriptor.
///
/// # Safety
/// As for [`bpf`].
unsafe fn bpf_fd<T>(command: libc::c_int, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: by the caller's promise; the descriptor is new, and owned by nobody else.
    unsafe { bpf(command, attributes).map(|fd| OwnedFd::from_raw_fd(fd)) }
}

/// A program on an interface, and the sockets of its queues.
#[derive(Debug)]
pub(super) struct Program {
    link: OwnedFd,
    sockets: OwnedFd,
    mode: XdpMode,
}

impl Program {
    /// Attaches a program for queues below `queues` to an interface of the calling thread's namespace: in `mode`, or in the best
    /// that the driver can.
    pub(super) fn attach(
        name: &str,
        interface: u32,
        queues: u32,
        mode: Option<XdpMode>,
    ) -> Result<Self, OpenError> {
        let failed = |about, call| move |source| OpenError::call(name, about, call, source);
        let create = CreateMap {
            kind: uapi::BPF_MAP_TYPE_XSKMAP,
            key_octets: 4,
            value_octets: 4,
            entries: queues,
        };
        // SAFETY: plain integers.
        let sockets = unsafe { bpf_fd(uapi::BPF_MAP_CREATE, &create) }.map_err(failed(
            CallSubject::XdpProgram,
            "making a map of sockets for its XDP program",
        ))?;
        let instructions = redirect(sockets.as_fd());
        let mut name_octets = [0; 16];
        name_octets[..7].copy_from_slice(b"waypost");
        let load = LoadProgram {
            kind: uapi::BPF_PROG_TYPE_XDP,
            instruction_count: instructions.len() as u32,
            instructions: instructions.as_ptr().expose_provenance() as u64,
            licence: c"MIT OR Apache-2.0".as_ptr().expose_provenance() as u64,
            name: name_octets,
            attach_kind: uapi::BPF_XDP,
            ..LoadProgram::default()
        };
        // SAFETY: instructions and licence live through the call.
        let program = unsafe { bpf_fd(uapi::BPF_PROG_LOAD, &load) }
            .map_err(failed(CallSubject::XdpProgram, "loading its XDP program"))?;
        let link = |mode| {
            let create = CreateLink {
                program: program.as_raw_fd() as u32,
                interface,
                attach_kind: uapi::BPF_XDP,
                flags: match mode {
                    XdpMode::Native => uapi::XDP_FLAGS_DRV_MODE,
                    XdpMode::Generic => uapi::XDP_FLAGS_SKB_MODE,
                },
            };
            // SAFETY: plain integers.
            unsafe { bpf_fd(uapi::BPF_LINK_CREATE, &create) }.map(|link| (link, mode))
        };
        let linked = match mode {
            Some(mode) => link(mode),
            // What a driver says that has no native XDP, or not with the interface's present settings.
            None => link(XdpMode::Native).or_else(|error| match error.raw_os_error() {
                Some(libc::EOPNOTSUPP | libc::EINVAL | libc::ERANGE | libc::ENOSPC) => {
                    link(XdpMode::Generic)
                }
                _ => Err(error),
            }),
        };
        let (link, mode) =
            linked.map_err(failed(CallSubject::XdpProgram, "attaching its XDP program"))?;
        Ok(Self {
            link,
            sockets,
            mode,
        })
    }

    pub(super) fn mode(&self) -> XdpMode {
        self.mode
    }

    /// Frames of `queue` go to `socket` from now on.
    pub(super) fn set(&self, queue: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        self.change(
            uapi::BPF_MAP_UPDATE_ELEM,
            queue,
            socket.as_raw_fd().cast_unsigned(),
        )
    }

    /// Frames of `queue` go to the kernel from now on.
    pub(super) fn remove(&self, queue: u32) -> io::Result<()> {
        self.change(uapi::BPF_MAP_DELETE_ELEM, queue, 0)
    }

    fn change(&self, command: libc::c_int, queue: u32, socket: u32) -> io::Result<()> {
        let change = ChangeMap {
            map: self.sockets.as_raw_fd() as u32,
            key: (&raw const queue).expose_provenance() as u64,
            value: (&raw const socket).expose_provenance() as u64,
            ..ChangeMap::default()
        };
        // SAFETY: key and value live through the call, and have the map's sizes. Without a value's use the kernel wants none.
        unsafe {
            match command {
                uapi::BPF_MAP_DELETE_ELEM => bpf(command, &ChangeMap { value: 0, ..change }),
                _ => bpf(command, &change),
            }
        }
        .map(drop)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Closing is not enough: a process that is just being started somewhere here has a duplicate of the descriptor for a while.
        let detach = DetachLink {
            link: self.link.as_raw_fd() as u32,
        };
        // SAFETY: a plain integer. Fails only if the interface is gone, and the program with it, or in kernels before 5.9.
        let _ = unsafe { bpf(uapi::BPF_LINK_DETACH, &detach) };
    }
}
