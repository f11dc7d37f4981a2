//! Which sides of a device a port has.

use waypost_graph::{Input, Output, Packet, Ports};

/// What a port of a device moves: packets that come in, packets to send, or both.
pub trait Sides: 'static {
    /// The element's inputs.
    type Inputs: Ports;
    /// Its outputs.
    type Outputs: Ports;
    /// Whether packets that come in leave output 0.
    const SOURCE: bool;
    /// Whether packets at input 0 are sent.
    const SINK: bool;
}

/// Packets that come in.
#[derive(Debug)]
pub struct Ingress;
/// Packets to send.
#[derive(Debug)]
pub struct Egress;
/// Packets that come in, and packets to send.
#[derive(Debug)]
pub struct Both;

impl Sides for Ingress {
    type Inputs = ();
    type Outputs = Output<Packet>;
    const SOURCE: bool = true;
    const SINK: bool = false;
}

impl Sides for Egress {
    type Inputs = Input<Packet>;
    type Outputs = ();
    const SOURCE: bool = false;
    const SINK: bool = true;
}

impl Sides for Both {
    type Inputs = Input<Packet>;
    type Outputs = Output<Packet>;
    const SOURCE: bool = true;
    const SINK: bool = true;
}
