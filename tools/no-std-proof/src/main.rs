//! A program without std, libc and start files. That it links is the proof that the crates it calls need none
//! of them; that it links without the feature `alloc`, that those need no allocator either. It is not run.
#![no_std]
#![no_main]

#[cfg(feature = "alloc")]
mod heap;
mod ip;
mod memory;

use core::hint::black_box;
use core::panic::PanicInfo;

use waypost_netdev::{Capabilities, Medium, Offloads};
use waypost_wire::{Checksum, Duration, Instant, Ipv4Packet, MacAddr};

/// Where the kernel would enter.
// SAFETY: nothing else in the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    let bytes: [u8; 64] = black_box([0x45; 64]);
    wire(&bytes);
    netdev();
    ip::prove(&bytes);
    #[cfg(feature = "alloc")]
    with_an_allocator();
    halt()
}

fn wire(bytes: &[u8]) {
    if let Ok(packet) = Ipv4Packet::parse(bytes) {
        black_box(packet.has_valid_checksum());
    }
    let _ = black_box(Checksum::new().add_bytes(bytes));
    black_box(Instant::ZERO + Duration::from_millis(1));
}

fn netdev() {
    black_box(Capabilities {
        medium: Medium::Ethernet(MacAddr::BROADCAST),
        mtu: 1500,
        offloads: Offloads::default(),
    });
}

#[cfg(feature = "alloc")]
fn with_an_allocator() {
    use core::net::Ipv4Addr;

    use waypost_ip::fib::Fib;
    use waypost_packet::Pool;

    black_box(Fib::new().lookup(Ipv4Addr::LOCALHOST));
    if let Ok(pool) = Pool::builder().small(16).build() {
        black_box(pool.allocator().packet());
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    halt()
}

/// Named by the tables for unwinding of the ready-made `core`; nothing unwinds here.
// SAFETY: std would define it, and there is none.
#[unsafe(no_mangle)]
pub extern "C" fn rust_eh_personality() {}

fn halt() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
