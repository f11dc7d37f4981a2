//! What is said of devices that cannot be opened.

use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use waypost_device::af_packet::AfPacket;
use waypost_device::tap::Tap;
use waypost_device::xdp::{Peer, Umem, Xdp, XdpBuilder, XdpMode};
use waypost_device::{Namespace, OpenError};
use waypost_packet::Pool;
use waypost_tests::Host;

use super::support::*;

fn umem() -> Umem {
    Umem::new(&Pool::builder().small(1024).build().unwrap())
}

fn xdp(cable: &Cable) -> XdpBuilder {
    let builder = Xdp::builder("port0").namespace(cable.namespace());
    builder.ring(64).peer(Peer::Finishes)
}

/// What the devices that open an interface say of it.
fn of_all(name: &str, namespace: &Namespace) -> Vec<OpenError> {
    let packet = AfPacket::builder(name).namespace(namespace.clone());
    let xdp = Xdp::builder(name).namespace(namespace.clone());
    vec![
        packet.clone().open().unwrap_err(),
        packet.send_only().transmit_ring(1).open().unwrap_err(),
        xdp.clone().open(&umem()).unwrap_err(),
        xdp.send_only().open(&umem()).unwrap_err(),
    ]
}

#[test]
fn an_interface_that_is_not_there_is_told_with_those_that_are() {
    let Some(cable) = Cable::new() else { return };
    for error in of_all("port9", &cable.namespace()) {
        let OpenError::NoInterface { name, known } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(name, "port9");
        assert_eq!(known, &["lo", "port0"]);
        assert_eq!(
            error.to_string(),
            "no interface `port9`; there are: lo, port0"
        );
    }
    let peer = Peer::Told {
        namespace: namespace(&cable.host),
        name: "eth9".to_owned(),
    };
    let error = xdp(&cable).peer(peer).open(&umem()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no interface `eth9`; there are: lo, eth0"
    );
}

#[test]
fn a_name_that_is_none_is_told() {
    let Some(cable) = Cable::new() else { return };
    for name in [
        "",
        "a/b",
        "a b",
        "sixteen-letters-",
        "a:b",
        "a\0b",
        "..",
        ".",
    ] {
        let mut errors = of_all(name, &cable.namespace());
        let tap = Tap::builder(name).namespace(cable.namespace());
        errors.push(tap.open().unwrap_err());
        for error in errors {
            assert!(matches!(error, OpenError::BadName(_)), "{name}: {error:?}");
            let words = format!("`{name}` is no interface name");
            assert!(error.to_string().starts_with(&words), "{error}");
        }
    }
}

#[test]
fn a_tap_has_one_number_in_its_name_at_most() {
    for name in ["tap%", "tap%s", "t%d%d"] {
        let error = Tap::builder(name).open().unwrap_err();
        assert!(matches!(error, OpenError::BadName(_)), "{name}: {error:?}");
    }
}

/// Runs `f` in the host's namespace, on a thread that has these rights and no others.
fn with_rights<T: Send>(host: &Host, rights: CapabilitySet, f: impl FnOnce() -> T + Send) -> T {
    within(host, || {
        let mut sets = capabilities(None).unwrap();
        sets.effective = rights;
        set_capabilities(None, sets).unwrap();
        f()
    })
}

/// Says that each of these is refused for want of this right, and names none of the others.
fn needs(right: &str, errors: impl IntoIterator<Item = OpenError>) {
    for error in errors {
        let words = error.to_string();
        assert!(words.contains("not permitted"), "{words}");
        for other in ["CAP_NET_RAW", "CAP_NET_ADMIN", "CAP_BPF", "CAP_SYS_ADMIN"] {
            let named = right.contains(other);
            assert_eq!(words.contains(other), named, "{other}: {words}");
        }
        assert!(words.contains("run as root"), "{words}");
    }
}

#[test]
fn the_right_that_is_missing_is_told() {
    let Some(cable) = Cable::new() else { return };
    let (here, port) = (Namespace::Current, &cable.port);
    let packet = || AfPacket::builder("port0").open().map(drop);
    let xdp = || xdp(&cable).namespace(Namespace::Current);
    let tap = || Tap::builder("tap0").open().map(drop);
    let none = CapabilitySet::empty();
    let (raw, admin) = (CapabilitySet::NET_RAW, CapabilitySet::NET_ADMIN);

    needs(
        "CAP_NET_RAW",
        with_rights(port, none, || of_all("port0", &here)),
    );
    needs(
        "CAP_NET_ADMIN",
        [none, raw].map(|rights| with_rights(port, rights, tap).unwrap_err()),
    );
    for rights in [raw, raw | admin] {
        let error = with_rights(port, rights, || xdp().open(&umem()).unwrap_err());
        needs("CAP_BPF and CAP_NET_ADMIN", [error]);
    }
    // With it each opens, and needs no other.
    with_rights(port, raw, packet).unwrap();
    with_rights(port, admin, tap).unwrap();
    let all = raw | admin | CapabilitySet::BPF;
    with_rights(port, all, || xdp().open(&umem()).map(drop)).unwrap();

    let elsewhere = namespace(&cable.host);
    let errors = with_rights(port, all, || of_all("eth0", &elsewhere));
    needs("CAP_SYS_ADMIN", errors);
}

#[test]
fn a_wrong_name_is_told_without_any_right() {
    let Some(cable) = Cable::new() else { return };
    let here = Namespace::Current;
    let none = CapabilitySet::empty();
    for error in with_rights(&cable.port, none, || of_all("port9", &here)) {
        assert_eq!(
            error.to_string(),
            "no interface `port9`; there are: lo, port0"
        );
    }
    for error in with_rights(&cable.port, none, || {
        let mut errors = of_all("a/b", &here);
        errors.push(Tap::builder("a/b").open().unwrap_err());
        errors
    }) {
        assert!(matches!(error, OpenError::BadName(_)), "{error:?}");
    }
}

#[test]
fn a_namespace_that_is_not_there_is_told() {
    if net().is_none() {
        return;
    }
    for namespace in [
        Namespace::Named("nowhere".to_owned()),
        Namespace::Path("/run/netns/nowhere".into()),
    ] {
        let mut errors = of_all("port0", &namespace);
        errors.push(
            Tap::builder("tap0")
                .namespace(namespace)
                .open()
                .unwrap_err(),
        );
        for error in errors {
            assert!(matches!(error, OpenError::NoNamespace { .. }), "{error:?}");
            let words = error.to_string();
            assert!(
                words.contains("nowhere") && words.contains("ip netns list"),
                "{words}"
            );
        }
    }
    let file = Namespace::Path("/proc/version".into());
    let error = AfPacket::builder("port0")
        .namespace(file)
        .open()
        .unwrap_err();
    assert!(
        error.to_string().contains("entering the network namespace"),
        "{error}"
    );
}

#[test]
fn a_queue_that_is_not_there_is_told() {
    let Some(cable) = Cable::new() else { return };
    let umem = umem();
    drop(xdp(&cable).open(&umem).unwrap());
    for mode in [XdpMode::Native, XdpMode::Generic] {
        for builder in [xdp(&cable).queue(1), xdp(&cable).send_only().queue(7)] {
            let error = builder.mode(mode).open(&umem).unwrap_err();
            assert!(matches!(error, OpenError::NoQueue { .. }), "{error:?}");
            let words = error.to_string();
            assert!(
                words.contains("ethtool -l port0") && words.contains("no queue"),
                "{words}"
            );
        }
        // The first of them is there, and nothing of it stays.
        let error = xdp(&cable).mode(mode).open_queues(2, &umem).unwrap_err();
        assert!(
            matches!(error, OpenError::NoQueue { queue: 1, .. }),
            "{error:?}"
        );
        let counted = umem.pool().statistics();
        assert_eq!(counted.free, counted.total);
    }
    xdp(&cable).open(&umem).unwrap();
}

#[test]
fn frames_too_long_for_the_buffers_are_told() {
    let Some(cable) = Cable::new() else { return };
    cable.port.ip("link set port0 mtu 1775").unwrap();
    let error = xdp(&cable).open(&umem()).unwrap_err();
    let OpenError::FramesTooLong { mtu, limit, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!((*mtu, *limit), (1775, 1774));
    assert!(
        error
            .to_string()
            .contains("set it to 1774 or less, or use AF_PACKET"),
        "{error}"
    );
    cable.port.ip("link set port0 mtu 1774").unwrap();
    xdp(&cable).open(&umem()).unwrap();
}

#[test]
fn a_virtual_wire_wants_to_know_who_is_there() {
    let Some(cable) = Cable::new() else { return };
    let builder = Xdp::builder("port0").namespace(cable.namespace()).ring(64);
    let error = builder.clone().open(&umem()).unwrap_err();
    assert!(
        matches!(error, OpenError::UnfinishedFrames { .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("Name the interface there"),
        "{error}"
    );
    // Whoever does not receive does not ask.
    builder.send_only().open(&umem()).unwrap();
}

#[test]
fn a_second_program_is_told_of_the_first_and_changes_nothing() {
    let Some(cable) = Cable::new() else { return };
    let peer = Peer::Told {
        namespace: namespace(&cable.host),
        name: "eth0".to_owned(),
    };
    for mode in [XdpMode::Native, XdpMode::Generic] {
        let (umem, other) = (umem(), umem());
        let first = xdp(&cable).mode(mode).open(&umem).unwrap();
        for (umem, mode) in [
            (&umem, mode),
            (&other, mode),
            (&other, XdpMode::Native),
            (&other, XdpMode::Generic),
        ] {
            let builder = xdp(&cable).peer(peer.clone()).mode(mode);
            let error = builder.open(umem).unwrap_err();
            let words = error.to_string();
            assert!(
                words.contains("attaching its XDP program failed"),
                "{words}"
            );
            assert!(words.contains("another program is attached"), "{words}");
            assert!(words.contains("ip link set dev port0 xdp off"), "{words}");
        }
        assert_eq!(feature(&cable.host, "eth0", "tx-checksumming"), "on");
        drop(first);
        xdp(&cable).mode(mode).open(&umem).unwrap();
    }
}

#[test]
fn a_pool_without_enough_frames_is_told() {
    let Some(cable) = Cable::new() else { return };
    let pool = Pool::builder().small(100).build().unwrap();
    let umem = Umem::new(&pool);
    let error = xdp(&cable).ring(128).open(&umem).unwrap_err();
    assert!(
        matches!(error, OpenError::NoFrames { wanted: 128 }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("ask for smaller rings"),
        "{error}"
    );
    assert_eq!(pool.statistics().free, pool.statistics().total);
    xdp(&cable).ring(64).open(&umem).unwrap();
}

#[test]
fn an_interface_that_somebody_else_has_is_told() {
    let Some(cable) = Cable::new() else { return };
    let builder = Tap::builder("tap0").namespace(cable.namespace());
    let _first = builder.clone().open().unwrap();
    let error = builder.clone().open().unwrap_err();
    assert!(
        error.to_string().contains("somebody else has it open"),
        "{error}"
    );
    // Of another kind than the first, or no interface of this driver at all.
    for builder in [
        builder.clone().tun(),
        builder.multi_queue(),
        Tap::builder("port0").namespace(cable.namespace()),
    ] {
        let error = builder.open().unwrap_err();
        assert!(
            error
                .to_string()
                .contains("an interface of another kind has this name"),
            "{error}"
        );
    }
}
