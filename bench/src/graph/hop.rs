//! From one thread to another, in Rust: a ring of packets, whose reader looks at each first line.
//!
//! How long that takes is for the most part how long the machine takes to move a cache line from one core to the other; so what
//! the same frames take without all that a packet has is measured beside it.

use std::error::Error;
use std::hint::{black_box, spin_loop};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use waypost::packet::{Allocator, Batch, Packet, Pool, spsc};
use waypost::wire::prefetch_read;

use super::source::FRAME;
use super::{Bench, PACKETS};
use crate::machine;
use crate::measure::Sample;

/// Packets that the ring holds.
const RING: usize = 1024;

pub(super) fn add(bench: &mut Bench, cores: (usize, usize)) -> Result<(), Box<dyn Error>> {
    let group = "from one thread to another, the reader looking at the first line";
    if cores.0 == cores.1 {
        bench
            .missing
            .push("the hop between two threads: there is one core".to_owned());
        return Ok(());
    }
    bench.at_each_batch(
        group,
        "bare boxes, sent back by a second ring",
        move |batch| bare_boxes(cores.0, batch),
    );
    let pool = super::paths::pool()?;
    let orders = writer(cores.0, &pool);
    let pool_of_reader = pool.clone();
    bench.at_each_batch(group, "ring of packets", move |batch| {
        let (producer, mut consumer) = spsc::ring(RING);
        orders
            .send((batch, producer))
            .map_err(|_| "the writing thread has ended")?;
        let mut frames = pool_of_reader.allocator();
        let mut packets = Batch::new();
        let mut seen = 0;
        while consumer.len() == 0 {
            spin_loop();
        }
        Ok(Sample::of(PACKETS as u64, || {
            while seen < PACKETS {
                let room = batch;
                consumer.pop_into(room, |packet| drop(packets.push(packet)));
                if packets.is_empty() {
                    spin_loop();
                    continue;
                }
                packets.prefetch();
                seen += packets.len();
                for packet in packets.iter() {
                    black_box(packet.octets().first_chunk::<34>());
                }
                frames.free(&mut packets);
            }
        }))
    });
    let channel_pool = pool.clone();
    bench.at_each_batch(group, "std::sync::mpsc, by batches", move |batch| {
        let (producer, consumer) = std::sync::mpsc::sync_channel::<Vec<Packet>>(RING / batch);
        let pool = channel_pool.clone();
        let core = cores.0;
        let writer = thread::spawn(move || {
            machine::pin(core);
            let mut frames = pool.allocator();
            let mut packets = Batch::new();
            for _ in 0..PACKETS / batch {
                fill(&mut frames, &mut packets, batch);
                if producer.send(packets.drain().collect()).is_err() {
                    return;
                }
            }
        });
        let mut frames = channel_pool.allocator();
        let mut seen = 0;
        let sample = Sample::of(PACKETS as u64, || {
            while let Ok(packets) = consumer.recv() {
                seen += packets.len();
                for packet in packets {
                    black_box(packet.octets().first_chunk::<34>());
                    frames.free_packet(packet);
                }
            }
        });
        writer.join().map_err(|_| "the writing thread has ended")?;
        Ok(sample)
    });
    Ok(())
}

/// A frame and nothing else.
#[repr(align(64))]
struct BareFrame([u8; 2048]);

/// One turn with frames in boxes, which the reader sends back to the writer.
fn bare_boxes(core: usize, batch: usize) -> Result<Sample, String> {
    let (mut producer, mut consumer) = spsc::ring::<Box<BareFrame>>(RING);
    let (mut back, mut returned) = spsc::ring(RING);
    let mut frames = (0..RING).map(|_| Box::new(BareFrame([0; 2048])));
    back.push_from(RING, || frames.next());
    let writer = thread::spawn(move || {
        machine::pin(core);
        let mut sent = 0;
        while sent < PACKETS {
            let count = producer.push_from(batch, || {
                let mut frame = returned.pop()?;
                frame.0[..FRAME.len()].copy_from_slice(&FRAME);
                Some(frame)
            });
            if count == 0 {
                spin_loop();
            }
            sent += count;
        }
    });
    let mut frames = Vec::with_capacity(batch);
    let mut seen = 0;
    while consumer.len() == 0 {
        spin_loop();
    }
    let sample = Sample::of(PACKETS as u64, || {
        while seen < PACKETS {
            consumer.pop_into(batch, |frame| frames.push(frame));
            if frames.is_empty() {
                spin_loop();
                continue;
            }
            frames.iter().for_each(|frame| prefetch_read(&**frame));
            seen += frames.len();
            for frame in &frames {
                black_box(frame.0.first_chunk::<34>());
            }
            let mut read = frames.drain(..);
            back.push_from(batch, || read.next());
        }
    });
    writer.join().map_err(|_| "the writing thread has ended")?;
    Ok(sample)
}

/// Fills a batch with frames, however long that takes.
fn fill(frames: &mut Allocator, packets: &mut Batch, batch: usize) {
    while packets.len() < batch {
        frames.fill_copies(packets, batch - packets.len(), &FRAME);
    }
}

/// A thread on a core of its own, that fills each ring it is given.
fn writer(core: usize, pool: &Pool) -> Sender<(usize, spsc::Producer<Packet>)> {
    let (orders, inbox): (_, Receiver<(usize, spsc::Producer<Packet>)>) = channel();
    let pool = pool.clone();
    thread::spawn(move || {
        machine::pin(core);
        let mut frames = pool.allocator();
        let mut packets = Batch::new();
        while let Ok((batch, mut producer)) = inbox.recv() {
            for _ in 0..PACKETS / batch {
                fill(&mut frames, &mut packets, batch);
                let mut left = packets.drain();
                while left.len() > 0 {
                    let count = left.len();
                    if producer.push_from(count, || left.next()) == 0 {
                        spin_loop();
                    }
                }
            }
        }
    });
    orders
}
