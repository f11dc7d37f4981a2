//! Interfaces by AF_XDP: one opened device for the element that receives and the element that sends.

use std::sync::{Arc, Mutex, PoisonError};

use waypost_device::Namespace;
use waypost_device::xdp::{Peer, Umem, Xdp, XdpBuilder, XdpMode, XdpReceiver, XdpSender};
use waypost_graph::{Args, BuildCx, ConfigError};

use crate::args::TypedArgs;

/// An open interface: for each worker what receives and what sends, until an element takes it.
#[derive(Default)]
struct Interface {
    receivers: Mutex<Vec<Option<XdpReceiver>>>,
    senders: Mutex<Vec<Option<XdpSender>>>,
}

/// How the interface is opened that an element receives from.
pub(super) fn receiver(name: &str, promiscuous: bool, args: &mut Args) -> XdpBuilder {
    let mut builder = rings(name, args).promiscuous(promiscuous);
    let modes = [("NATIVE", XdpMode::Native), ("GENERIC", XdpMode::Generic)];
    if let Some(mode) = args.choice("MODE", &modes) {
        builder = builder.mode(mode);
    }
    if let Some(zero_copy) = args.keyword("ZERO_COPY") {
        builder = builder.zero_copy(zero_copy);
    }
    if let Some(micros) = args.keyword("BUSY_POLL") {
        builder = builder.busy_polling(micros);
    }
    if let Some(peer) = args.keyword::<String>("PEER") {
        builder = builder.peer(peer_of(&peer));
    }
    builder
}

/// What receives for this worker.
pub(super) fn open_receiver(
    name: &str,
    builder: XdpBuilder,
    cx: &BuildCx<'_>,
) -> Result<XdpReceiver, ConfigError> {
    let interface = open(name, builder, cx)?;
    take(&interface.receivers, cx.worker).ok_or_else(|| {
        ConfigError::new(format!("another element receives from `{name}` by AF_XDP"))
    })
}

/// How the interface is opened that an element sends to, where none receives from it: then it was not opened yet.
pub(super) fn sender(name: &str, args: &mut Args) -> XdpBuilder {
    rings(name, args).send_only()
}

/// What sends for this worker.
pub(super) fn open_sender(
    name: &str,
    builder: XdpBuilder,
    cx: &BuildCx<'_>,
) -> Result<XdpSender, ConfigError> {
    let interface = open(name, builder, cx)?;
    take(&interface.senders, cx.worker).ok_or_else(|| {
        ConfigError::new(format!("another element sends to `{name}` by AF_XDP"))
            .help("several can feed one ToDevice; METHOD AF_PACKET sends beside it")
    })
}

fn rings(name: &str, args: &mut Args) -> XdpBuilder {
    let mut builder = Xdp::builder(name);
    if let Some(queue) = args.keyword("QUEUE") {
        builder = builder.queue(queue);
    }
    if let Some(entries) = args.keyword("RING") {
        builder = builder.ring(entries);
    }
    builder
}

/// Opens a queue for each worker, if nobody has.
fn open(name: &str, builder: XdpBuilder, cx: &BuildCx<'_>) -> Result<Arc<Interface>, ConfigError> {
    let umem = cx.shared("AF_XDP region", || Ok(Umem::new(cx.pool)))?;
    cx.shared(&format!("AF_XDP {name}"), || {
        let workers = u32::try_from(cx.workers).unwrap_or(u32::MAX);
        let devices = builder
            .open_queues(workers, &umem)
            .map_err(|error| match error {
                waypost_device::OpenError::UnfinishedFrames { .. } => {
                    ConfigError::new(error.to_string()).help("PEER NETNS/NAME, or PEER FINISHES")
                }
                error => ConfigError::new(error.to_string()),
            })?;
        let (receivers, senders): (Vec<_>, Vec<_>) = devices
            .into_iter()
            .map(Xdp::split)
            .map(|(receiver, sender)| (receiver, Some(sender)))
            .unzip();
        Ok(Interface {
            receivers: Mutex::new(receivers),
            senders: Mutex::new(senders),
        })
    })
}

fn take<T>(places: &Mutex<Vec<Option<T>>>, worker: usize) -> Option<T> {
    let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
    places.get_mut(worker)?.take()
}

fn peer_of(text: &str) -> Peer {
    match text.split_once('/') {
        _ if text == "FINISHES" => Peer::Finishes,
        Some((namespace, name)) => Peer::Told {
            namespace: Namespace::Named(namespace.to_owned()),
            name: name.to_owned(),
        },
        None => Peer::Told {
            namespace: Namespace::Current,
            name: text.to_owned(),
        },
    }
}
