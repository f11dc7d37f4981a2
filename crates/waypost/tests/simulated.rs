//! Whole routers under virtual time: the router's text as it is, between hosts that are graphs too.

#[path = "../examples/graphs/echo.rs"]
mod echo;

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

use waypost::graph::Source;
use waypost::sim::{Disturbance, Fault, Keep, LinkConfig, Loss, NodeId, Simulation};
use waypost::simulated::{Graph, GraphNode};
use waypost::wire::{Duration, Instant};

use echo::echo;

/// A host: answers ARP and pings, sends `$PINGS` packets of its own, ten a second, and counts what is answered.
const HOST: &str = "
    FromDevice(eth0) -> kinds :: Classifier(12/0806 20/0001, 12/0806 20/0002, 12/0800 0/$MAC, -);
    neighbors :: ARPQuerier($IP, $MAC);
    kinds [0] -> ARPResponder($IP $MAC) -> out :: ToDevice(eth0);
    kinds [1] -> [1] neighbors -> out;
    kinds [2] -> Strip(14) -> CheckIPHeader -> came :: IPClassifier(icmp type echo, icmp type echo-reply, -);
    came [0] -> ICMPPingResponder -> route :: LinearIPLookup(0.0.0.0/0 $GATEWAY 0) -> neighbors;
    came [1] -> replies :: Counter -> Discard;
    came [2] -> other :: Discard;
    kinds [3] -> Discard;
    RatedSource(DATA \\<$ECHO>, RATE 10, LIMIT $PINGS) -> CheckIPHeader -> route;
";

fn host(net: &mut Simulation, name: &str, side: u8, pings: u32) -> NodeId {
    let ip = |net: u8, host: u8| Ipv4Addr::new(10, net, 0, host);
    let graph = Graph::new(Source::new("host.click", HOST), ["eth0"])
        .variable("IP", &ip(side, 2).to_string())
        .variable("MAC", &format!("02:00:00:00:{side:02x}:02"))
        .variable("GATEWAY", &ip(side, 1).to_string())
        .variable("ECHO", &echo(ip(side, 2), ip(3 - side, 2)))
        .variable("PINGS", &pings.to_string());
    net.add(name, graph.node().unwrap()).unwrap()
}

fn read(net: &Simulation, node: NodeId, handler: &str) -> String {
    let node: &GraphNode = net.node(node).unwrap();
    node.program().instance().read(handler).unwrap()
}

/// Two hosts and the router of the examples; the left one sends so many pings over wires with such a loss.
fn routed(seed: u64, pings: u32, ppm: u32) -> (Simulation, [NodeId; 3]) {
    let mut net = Simulation::new(seed);
    let left = host(&mut net, "left", 1, pings);
    let right = host(&mut net, "right", 2, 0);
    let text = include_str!("../../../examples/router.click");
    let router = Graph::new(Source::new("router.click", text), ["eth0", "eth1"]);
    let router = net.add("router", router.node().unwrap()).unwrap();
    let wire = LinkConfig {
        delay: Duration::from_millis(5),
        loss: Loss::Random { ppm },
        ..LinkConfig::ethernet()
    };
    net.connect_ports("a", (left, 0), (router, 0), [wire.clone(), wire.clone()])
        .unwrap();
    net.connect_ports("b", (right, 0), (router, 1), [wire.clone(), wire])
        .unwrap();
    (net, [left, router, right])
}

#[test]
fn pings_cross_a_router() {
    let (mut net, [left, router, _]) = routed(1, 50, 0);
    net.run_until(Instant::from_secs(10)).unwrap();
    assert_eq!(read(&net, left, "replies.count"), "50");
    assert_eq!(read(&net, left, "other.count"), "0");
    assert_eq!(
        read(&net, router, "from_a.count"),
        "52",
        "the pings, an ARP request, and an answer"
    );
}

#[test]
fn a_lossy_run_is_the_same_when_it_is_repeated() {
    let run = |seed| -> (u32, u64) {
        let (mut net, [left, ..]) = routed(seed, 200, 100_000);
        net.run_until(Instant::from_secs(60)).unwrap();
        let replies = read(&net, left, "replies.count").parse().unwrap();
        (replies, net.log().digest())
    };
    let (replies, digest) = run(3);
    // Each of four wires loses one in ten.
    assert!((80..190).contains(&replies), "{replies}");
    assert_eq!(run(3), (replies, digest));
    assert_ne!(run(4).1, digest);
}

#[test]
fn what_is_wrong_with_a_nodes_text_is_said() {
    let node = |text: &str| {
        Graph::new(Source::new("r.click", text), ["eth0"])
            .node()
            .map(drop)
    };
    // At the argument, however it is given.
    for (text, place) in [
        ("FromDevice(eth1) -> Discard;", "r.click:1:12"),
        (
            "FromDevice(PROMISC true, DEVNAME \"eth1\") -> Discard;",
            "r.click:1:26",
        ),
        ("Idle -> ToDevice(eth1);", "r.click:1:18"),
    ] {
        let wrong = node(text).unwrap_err().to_string();
        assert!(wrong.contains("this node has no port `eth1`"), "{wrong}");
        assert!(wrong.contains(place), "{wrong}");
    }
    assert!(node("FromDevice(\"eth0\") -> Discard;").is_ok());
    let wrong = node("FromDevice(eth0) -> Discrad;")
        .unwrap_err()
        .to_string();
    assert!(wrong.contains("`Discrad`"), "{wrong}");
    assert!(node("FromDevice(eth0, METHOD AF_XDP, PROMISC true) -> Discard;").is_ok());
}

#[test]
fn a_simulated_graph_has_no_kernel() {
    let text = "KernelTap(10.0.0.1/8) -> Discard;";
    let graph = Graph::new(Source::new("tap.click", text), ["eth0"]);
    let wrong = graph.node().map(drop).unwrap_err().to_string();
    assert!(
        wrong.contains("a simulated graph has no kernel") && wrong.contains("tap.click:1:1"),
        "{wrong}"
    );
}

#[test]
fn a_script_of_a_simulated_graph_writes_no_file_of_the_machine() {
    let file = std::env::temp_dir().join(format!("waypost-script-{}", std::process::id()));
    let node = |class: &str, instruction: &str| {
        let text = format!("Idle -> c :: Counter -> Discard; {class}(set x 1, {instruction});");
        let graph = Graph::new(Source::new("script.click", text), ["eth0"]).node();
        graph.map_err(|error| error.to_string())
    };
    for class in ["Script", "DriverManager"] {
        for instruction in ["print >FILE c.count", "append c.count FILE"] {
            let instruction = instruction.replace("FILE", &file.display().to_string());
            let wrong = node(class, &instruction).map(drop).unwrap_err();
            let expected = format!("a simulated graph has no file to write into: `{instruction}`");
            assert!(wrong.contains(&expected), "{wrong}");
        }
        assert!(node(class, "print >- $x, save c.count -").is_ok());
    }
    assert!(!file.exists());
}

/// What finds libraries, until one of them is gone.
static FOUND: AtomicUsize = AtomicUsize::new(0);

fn found_once(name: &str, _: &Source) -> Result<Source, String> {
    match FOUND.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(Source::new(
            name,
            "elementclass Two { input -> Counter -> output }",
        )),
        _ => Err(format!("`{name}` is gone")),
    }
}

#[test]
fn a_graph_that_is_restarted_begins_anew_or_says_why_it_does_not() {
    let mut net = Simulation::new(1).keep(Keep::All);
    let pings = "RatedSource(RATE 10) -> ToDevice(eth0);";
    let a = Graph::new(Source::new("a", pings), ["eth0"])
        .node()
        .unwrap();
    let a = net.add("a", a).unwrap();
    let count = "FromDevice(eth0) -> came :: Counter -> t :: Tee; \
                 t [0] -> ToDevice(eth0); t [1] -> Discard; FromDevice(eth1) -> Discard;";
    let b = Graph::new(Source::new("b", count), ["eth0", "eth1"]);
    let b = net.add("b", b.node().unwrap()).unwrap();
    let lib = "require(library two.click); FromDevice(eth0) -> Two -> came :: Counter -> Discard;";
    let c = Graph::new(Source::new("c", lib), ["eth0"]).libraries(found_once);
    let c = net.add("c", c.node().unwrap()).unwrap();
    let wire = || [LinkConfig::ethernet(), LinkConfig::ethernet()];
    net.connect_ports("ab", (a, 0), (b, 0), wire()).unwrap();
    net.connect_ports("bc", (b, 1), (c, 0), wire()).unwrap();
    let restart = |name: &str| Fault {
        at: Instant::from_secs(1),
        lasts: Duration::from_secs(1),
        what: Disturbance::Restart(name.to_owned()),
    };
    net.set_faults(vec![restart("b"), restart("c")].into())
        .unwrap();
    net.run_until(Instant::from_millis(2_950)).unwrap();
    assert_eq!(read(&net, b, "came.count"), "10");
    let node: &GraphNode = net.node(b).unwrap();
    assert!(node.program().failed_restart().is_none());
    let node: &GraphNode = net.node(c).unwrap();
    let why = node.program().failed_restart().unwrap().to_string();
    assert!(why.contains("`two.click` is gone"), "{why}");
    assert!(node.program().instance().read("came.count").is_err());
    let said: Vec<_> = net.lines().filter(|it| it.contains("cannot be")).collect();
    assert!(
        said[0].starts_with("2.000000000s c: cannot be restarted: "),
        "{said:?}"
    );
    assert!(
        said[0].contains("`two.click` is gone") && said.len() == 1,
        "{said:?}"
    );
}
