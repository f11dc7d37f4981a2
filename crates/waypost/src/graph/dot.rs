//! `waypost graph dot`: a graph, drawn.

use clap::Args;

use super::text;
use crate::out::{self, Failure};

/// How to draw.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    text: text::Text,
    /// Draw as SVG, without the need for Graphviz
    #[arg(long)]
    svg: bool,
}

/// Draws.
pub(crate) fn draw(arguments: &Arguments) -> Result<(), Failure> {
    let registry = waypost_elements::registry();
    let program = arguments.text.program(&registry)?;
    if arguments.svg {
        out::text(waypost_graph_text::svg(program.graph()));
    } else {
        out::text(waypost_graph_text::dot(program.graph()));
    }
    Ok(())
}
