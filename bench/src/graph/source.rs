//! The source of all graphs measured: frames of 60 octets, at the least cost.

use std::net::Ipv4Addr;

use waypost::graph::{
    Args, Batch, BuildCx, ConfigError, Cx, Element, ElementClass, Output, Packet, Progress, Spread,
    Typed,
};
use waypost::wire::{IpProtocol, Ipv4Header};

use super::routes::Numbers;

/// A frame of 60 octets, or a packet of 46 and the padding behind it.
pub(crate) const FRAME: [u8; 60] = [0x5a; 60];

/// 64Ki IPv4 headers with random destinations and right checksums, for 26 octets behind them.
pub(crate) fn headers() -> Vec<[u8; 20]> {
    let mut numbers = Numbers::new(7);
    let header = |numbers: &mut Numbers| {
        let destination = Ipv4Addr::from_bits(numbers.next() as u32);
        let source = Ipv4Addr::new(10, 0, 0, 1);
        let mut header = Ipv4Header::new(IpProtocol::UDP, source, destination, 26);
        header.fill_checksum();
        *header.as_bytes()
    };
    (0..1 << 16).map(|_| header(&mut numbers)).collect()
}

/// `Frames(WRITE)`: true writes the octets. `Frames(DESTINATIONS)`: IPv4 packets to 64Ki destinations.
pub(crate) const CLASS: ElementClass = ElementClass {
    name: "Frames",
    ports: "0/1",
    processing: "h/h",
    flow: "x/x",
    doc: "Frames of 60 octets, as fast as they are wanted.",
    handlers: &[],
    build,
};

fn build(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let what = args.take_mandatory("WHAT")?;
    Ok(Box::new(match what.as_str() {
        "EMPTY" => Frames::new(false),
        "WRITTEN" => Frames::new(true),
        "DESTINATIONS" => Frames::to_destinations(),
        other => {
            return Err(ConfigError::expected(
                "EMPTY, WRITTEN or DESTINATIONS",
                other,
            ));
        }
    }))
}

/// Frames of 60 octets.
pub(crate) struct Frames {
    write: bool,
    headers: Vec<[u8; 20]>,
    next: usize,
}

impl Frames {
    /// All the same; their octets are written, or left as they are.
    pub(crate) fn new(write: bool) -> Self {
        Self {
            write,
            headers: Vec::new(),
            next: 0,
        }
    }

    /// IPv4 packets to 64Ki destinations in turn.
    pub(crate) fn to_destinations() -> Self {
        Self {
            write: true,
            headers: headers(),
            next: 0,
        }
    }

    #[inline(always)]
    fn fill(&mut self, budget: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        if !self.write {
            cx.frames().fill(batch, budget);
            for packet in batch.iter_mut() {
                // The octets stay as they are.
                let _ = packet.append(FRAME.len());
            }
            return;
        }
        cx.frames().fill_copies(batch, budget, &FRAME);
        if self.headers.is_empty() {
            return;
        }
        for packet in batch.iter_mut() {
            let header = &self.headers[self.next];
            packet.octets_mut()[..header.len()].copy_from_slice(header);
            self.next += 1;
            if self.next == self.headers.len() {
                self.next = 0;
            }
        }
    }
}

impl Element for Frames {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn is_task(&self) -> bool {
        true
    }

    fn spread(&self) -> Spread {
        Spread::FirstWorker
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        let mut batch = cx.take_batch();
        self.fill(budget, &mut batch, cx);
        cx.push(0, &mut batch);
        cx.put_batch(batch);
        Progress::Worked
    }
}

impl Typed for Frames {
    type Inputs = ();
    type Outputs = Output<Packet>;
}
