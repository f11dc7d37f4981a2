//! Texts that run.

use std::sync::Arc;

use waypost_graph_text::{
    CheckedGraph, Diagnostic, Diagnostics, FlatGraph, Limits, Options, Processing, Source, check,
    flatten, parse,
};
use waypost_packet::Pool;

use crate::class::{BuildCx, Commons, Registry};
use crate::drop::OnFull;
use crate::plan::{Edge, Plan, Texts};
use crate::schedule::Instance;
use crate::slot::End;

/// A text that was parsed, flattened and checked against the classes of a registry.
pub struct Program<'r> {
    registry: &'r Registry,
    checked: CheckedGraph,
    texts: Texts,
    shared: Commons,
}

impl<'r> Program<'r> {
    /// Reads a text.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place.
    pub fn parse(
        source: &Source,
        registry: &'r Registry,
        options: &mut Options<'_>,
    ) -> Result<Self, Diagnostics> {
        let (ast, wrong) = parse(source);
        Diagnostics::split(wrong)?;
        let mut program = Self::new(flatten(&ast, options)?, registry)?;
        program.texts.given = source.text().into();
        Ok(program)
    }

    /// Checks a flat graph.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(graph: FlatGraph, registry: &'r Registry) -> Result<Self, Diagnostics> {
        let flat: Arc<str> = graph.to_string().into();
        Ok(Self {
            registry,
            checked: check(&graph, registry)?,
            texts: Texts {
                given: Arc::clone(&flat),
                flat,
            },
            shared: Commons::default(),
        })
    }

    /// Gives the elements something that they find by its key with [`BuildCx::shared`], such as a device that is there already.
    #[must_use]
    pub fn share<T: Send + Sync + 'static>(self, key: &str, value: T) -> Self {
        self.shared.insert(key, Arc::new(value));
        self
    }

    /// The checked graph.
    pub fn graph(&self) -> &CheckedGraph {
        &self.checked
    }

    /// Makes the graph's elements, once for each worker.
    ///
    /// # Errors
    /// All elements whose configuration is refused, each with its place.
    pub fn instances(&self, workers: usize, pool: &Pool) -> Result<Vec<Instance>, Diagnostics> {
        let commons = self.shared.clone();
        let instances: Result<Vec<_>, _> = (0..workers.max(1))
            .map(|worker| self.instance(worker, workers.max(1), pool, &commons))
            .collect();
        let mut instances = instances?;
        Instance::join(&mut instances);
        Ok(instances)
    }

    fn instance(
        &self,
        worker: usize,
        workers: usize,
        pool: &Pool,
        commons: &Commons,
    ) -> Result<Instance, Diagnostics> {
        let graph = self.checked.graph();
        let mut plan = Plan {
            texts: self.texts.clone(),
            ..Plan::default()
        };
        let (mut elements, mut wrong) = (Vec::new(), Vec::new());
        let (sinks, others): (Vec<_>, Vec<_>) = graph
            .ids()
            .partition(|&id| self.checked.outputs(id).is_empty());
        // Sinks last: they may share what the others have opened.
        for id in others.into_iter().chain(sinks) {
            let element = graph.element(id);
            let mut cx = BuildCx {
                name: element.name(),
                inputs: self.checked.inputs(id).len(),
                outputs: self.checked.outputs(id).len(),
                worker,
                workers,
                pool,
                commons,
            };
            // The checker has made sure that the class exists.
            let Some(class) = self.registry.find(element.class()) else {
                continue;
            };
            let mut args = element.args();
            match class.make(&mut args, &mut cx) {
                Ok(made) => elements.push((id, made)),
                Err(mistakes) => {
                    let told = mistakes.iter().take(Limits::default().diagnostics);
                    wrong.extend(told.map(|it| (id, Diagnostic::of_mistake(element, it))));
                }
            }
        }
        wrong.sort_by_key(|(id, _)| *id);
        Diagnostics::split(wrong.into_iter().map(|(_, wrong)| wrong).collect())?;
        elements.sort_by_key(|(id, _)| *id);
        for (id, made) in elements {
            let element = graph.element(id);
            let ports = (
                self.checked.inputs(id).len(),
                self.checked.outputs(id).len(),
            );
            // The checker has seen its codes.
            let class = self.registry.find(element.class());
            let flow = class.and_then(|class| Some(class.info().ok()?.flow));
            plan.add(
                element.name(),
                element.class(),
                element.config(),
                made,
                ports,
                flow,
            );
        }
        plan.edges = graph
            .connections()
            .iter()
            .map(|&connection| Edge {
                from: End {
                    slot: connection.from.index(),
                    port: usize::from(connection.from_port),
                },
                to: End {
                    slot: connection.to.index(),
                    port: usize::from(connection.to_port),
                },
                pull: self.checked.processing(connection) == Processing::Pull,
                on_full: OnFull::Block,
            })
            .collect();
        Ok(plan.start_checked(pool.allocator(), worker))
    }
}
