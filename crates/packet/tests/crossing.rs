//! Packets cross devices: as they are, as copies, and through wrappers.

use waypost_netdev::{Direction, FrameMeta, Loopback, Medium, NetDev, RateLimit, RxFrame, Trace};
use waypost_packet::{IntoPacket, NoMemory, Packet, Pool, PoolTx, SendPacket};
use waypost_wire::Instant;

const NOW: Instant = Instant::ZERO;

fn packet(len: usize, flow_hash: u32) -> Packet {
    let mut packet = Packet::on_heap(&vec![7; len]).unwrap();
    packet.set_frame_meta(FrameMeta {
        flow_hash,
        ..FrameMeta::default()
    });
    packet
}

/// Sends a packet, and says what came back.
fn send<D>(device: &mut D, packet: Packet) -> Result<usize, Packet>
where
    D: NetDev,
    for<'a> D::TxFrame<'a>: SendPacket,
{
    let (mut packet, mut back) = (Some(packet), None);
    let sent = device.transmit(NOW, 1, |room| {
        back = packet
            .take()
            .and_then(|packet| room.send_packet(packet).err());
    });
    match back {
        Some(packet) => Err(packet),
        None => Ok(sent.unwrap()),
    }
}

#[test]
fn packets_cross_wrappers_with_their_metadata() {
    let mut shown = Vec::new();
    let limited = RateLimit::new(Loopback::<2, 64>::new(Medium::Ip), 8_000, 64).unwrap();
    let mut device = Trace::new(
        limited,
        |way: Direction, _, octets: &[u8], _: &FrameMeta| {
            shown.push((way, octets.len()));
        },
    );
    assert_eq!(send(&mut device, packet(40, 5)).unwrap(), 1);
    let pool = Pool::builder().small(2).build().unwrap();
    let mut received = None;
    device
        .receive(NOW, 1, |frame| {
            received = frame.into_packet(&mut pool.allocator()).ok();
        })
        .unwrap();
    let received = received.unwrap();
    assert_eq!(
        (received.octets(), received.meta().flow_hash),
        (&[7; 40][..], 5)
    );
    assert_eq!(shown, [(Direction::Transmit, 40), (Direction::Receive, 40)]);
}

#[test]
fn a_frame_without_memory_waits_unless_there_never_is_any() {
    let mut device = Loopback::<2, 5000>::new(Medium::Ip);
    assert_eq!(send(&mut device, packet(3000, 1)).unwrap(), 1);
    let receive = |device: &mut Loopback<2, 5000>, allocator: &mut _| {
        let mut result = None;
        let count = device.receive(NOW, 2, |frame| result = Some(frame.into_packet(allocator)));
        (count.unwrap(), result.unwrap())
    };
    let pool = Pool::builder().small(2).medium(1).build().unwrap();
    let mut allocator = pool.allocator();
    let taken = allocator.packet_for(3000).unwrap();
    for _ in 0..3 {
        let (count, result) = receive(&mut device, &mut allocator);
        assert_eq!((count, result.unwrap_err()), (0, NoMemory::Left));
    }
    allocator.free_packet(taken);
    let (count, result) = receive(&mut device, &mut allocator);
    assert_eq!((count, result.unwrap().len()), (1, 3000));
    let small = Pool::builder().small(2).build().unwrap();
    assert_eq!(send(&mut device, packet(3000, 1)).unwrap(), 1);
    let (count, result) = receive(&mut device, &mut small.allocator());
    assert_eq!((count, result.unwrap_err()), (1, NoMemory::Lost));
}

#[test]
fn a_packet_that_is_too_long_for_a_wrapped_device_comes_back() {
    let mut device = Trace::new(
        Loopback::<2, 64>::new(Medium::Ip),
        |_: Direction, _, _: &[u8], _: &FrameMeta| panic!("nothing is sent"),
    );
    let back = send(&mut device, packet(65, 0)).unwrap_err();
    assert_eq!(back.octets(), [7; 65]);
}

/// A device that takes packets, of a pool that has none to copy into.
struct Poor {
    pool: Pool,
    sent: Option<Packet>,
}

impl NetDev for Poor {
    type RxFrame<'a> = Packet;
    type TxFrame<'a> = PoolTx<'a>;

    fn capabilities(&self) -> waypost_netdev::Capabilities {
        waypost_netdev::Capabilities {
            medium: Medium::Ip,
            mtu: 1500,
            offloads: waypost_netdev::Offloads::default(),
        }
    }

    fn receive(
        &mut self,
        _: Instant,
        _: usize,
        _: impl FnMut(Packet),
    ) -> Result<usize, waypost_netdev::DeviceError> {
        Ok(0)
    }

    fn transmit(
        &mut self,
        _: Instant,
        _: usize,
        mut each: impl FnMut(PoolTx<'_>),
    ) -> Result<usize, waypost_netdev::DeviceError> {
        let mut frames = self.pool.allocator();
        each(PoolTx::new(&mut frames, 1500, &mut self.sent));
        Ok(self.sent.iter().count())
    }

    fn room(&mut self, _: Instant) -> usize {
        1
    }
}

#[test]
fn a_packet_comes_back_where_there_is_no_frame_to_copy_it_into() {
    let poor = || Poor {
        pool: Pool::builder().build().unwrap(),
        sent: None,
    };
    let mut bare = poor();
    assert_eq!(send(&mut bare, packet(40, 0)).unwrap(), 1, "it goes itself");
    let mut traced = Trace::new(poor(), |_: Direction, _, _: &[u8], _: &FrameMeta| {
        panic!("nothing is sent")
    });
    let back = send(&mut traced, packet(40, 0)).unwrap_err();
    assert_eq!(
        (back.octets(), traced.device().sent.is_none()),
        (&[7; 40][..], true)
    );
}
