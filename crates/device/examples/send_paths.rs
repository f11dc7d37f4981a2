//! How many packets a second a packet socket sends by `sendmmsg`, and how many by the transmit ring: both in one run, in turns.
//!
//! `cargo run --release -p waypost-device --example send_paths -- INTERFACE [OCTETS]`
//!
//! Frames of that many octets go to an address that nobody has: for a virtual wire of one's own, whose other end is up.

use std::error::Error;
use std::io::{self, Write};
use std::time::Instant as Clock;

use waypost_device::af_packet::AfPacket;
use waypost_netdev::NetDev;
use waypost_packet::{Packet, Pool, SendPacket};
use waypost_wire::Instant;

/// Pairs of turns, and what is sent in each turn.
const TURNS: usize = 21;
const FRAMES: usize = 200_000;
const BATCH: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let name = words.next().ok_or("expected an interface's name")?;
    let octets = words.next().map_or(Ok(60), |word| word.parse())?;
    let builder = AfPacket::builder(name).send_only();
    let mut devices = [builder.clone().open()?, builder.transmit_ring(512).open()?];
    let pool = Pool::builder().small(1024).build()?;
    let mut frame = vec![0; octets];
    frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, 0x99, 2, 0, 0, 0, 0, 0x98, 0x88, 0xb5]);
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        for (device, rates) in devices.iter_mut().zip(&mut rates) {
            rates.push(rate(device, &pool, &frame)?);
        }
    }
    let [calls, ring] = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[TURNS / 2]
    });
    writeln!(
        io::stdout(),
        "{octets} octets: sendmmsg {:.2}, ring {:.2} million packets a second; ring/sendmmsg {:.2}",
        calls / 1e6,
        ring / 1e6,
        ring / calls
    )?;
    Ok(())
}

/// Packets a second.
fn rate(device: &mut AfPacket, pool: &Pool, frame: &[u8]) -> Result<f64, Box<dyn Error>> {
    let mut frames = pool.allocator();
    let (start, mut sent) = (Clock::now(), 0);
    while sent < FRAMES {
        let room = device.room(Instant::ZERO).min(BATCH);
        let mut packets: Vec<Packet> = Vec::with_capacity(room);
        packets.extend((0..room).filter_map(|_| frames.copy(frame)));
        sent += device.transmit(Instant::ZERO, room, |slot| {
            // A packet that is too long comes back, and is sent by neither.
            let _ = packets.pop().map(|packet| slot.send_packet(packet));
        })?;
    }
    Ok(sent as f64 / start.elapsed().as_secs_f64())
}
