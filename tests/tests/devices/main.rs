//! Devices, with the real kernel at the other end: what crosses, what is refused, and what is said then.

mod af_packet;
mod bridge;
mod errors;
mod memory;
mod support;
mod tap;
mod xdp;
