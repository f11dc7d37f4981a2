//! From one thread to another, whose reader looks at each first line: in a text by a `Pipeliner` between two workers, in Rust by a
//! ring of packets.
//!
//! How long that takes is for the most part how long the machine takes to move a cache line from one core to the other; so what
//! the same frames take without all that a packet has is measured beside it.

use std::error::Error;
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use waypost::graph::{Credit, Cx, Element, ElementClass, Instant};
use waypost::packet::{Allocator, Batch, Packet, Pool, spsc};
use waypost::wire::prefetch_read;

use super::source::FRAME;
use super::{Bench, PACKETS, WARM_UP};
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
    bench.at_each_batch(group, "in Rust, a ring of packets", move |batch| {
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
    bench.at_each_batch(group, "text, a Pipeliner", move |batch| {
        pipeliner(cores.0, batch).map_err(|wrong| wrong.to_string())
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

/// What the readers of texts have seen.
static SEEN: AtomicUsize = AtomicUsize::new(0);

/// `FirstLines()`: looks at the first line of each packet, and counts them.
pub(super) const READER: ElementClass = ElementClass {
    name: "FirstLines",
    ports: "1/0",
    processing: "h/h",
    flow: "x/x",
    doc: "Looks at the first line of each packet.",
    handlers: &[],
    build: |_, _| Ok(Box::new(FirstLines)),
};

struct FirstLines;

impl Element for FirstLines {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        for packet in batch.iter() {
            black_box(packet.octets().first_chunk::<34>());
        }
        let seen = SEEN.load(Ordering::Relaxed);
        SEEN.store(seen + batch.len(), Ordering::Relaxed);
        cx.frames().free(batch);
    }

    fn credit(&self, _: usize) -> Credit {
        Credit::Packets(usize::MAX)
    }
}

/// One turn of a text on two workers.
fn pipeliner(core: usize, batch: usize) -> Result<Sample, Box<dyn Error>> {
    let [mut writer, mut reader] =
        super::paths::workers("Frames(WRITTEN) -> Pipeliner(1) -> FirstLines;")?;
    writer.set_batch_limit(batch);
    reader.set_batch_limit(batch);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            machine::pin(core);
            while !done.load(Ordering::Relaxed) {
                writer.step(Instant::ZERO);
            }
        });
        let mut read = |packets: usize| {
            let until = SEEN.load(Ordering::Relaxed) + packets;
            while SEEN.load(Ordering::Relaxed) < until {
                reader.step(Instant::ZERO);
            }
        };
        read(WARM_UP);
        let sample = Sample::of(PACKETS as u64, || read(PACKETS));
        done.store(true, Ordering::Relaxed);
        Ok(sample)
    })
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
