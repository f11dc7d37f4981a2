//! The syntax tree: a text as it is written, with the place of every part.

use crate::{Source, Span};

/// A parsed text.
#[derive(Debug, Clone)]
pub struct Ast {
    pub(crate) source: Source,
    pub(crate) statements: Vec<Statement>,
}

impl Ast {
    /// The text, which knows its line directives.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The statements in order.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

/// One statement.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Statement {
    /// Declarations and connections.
    Chain(Chain),
    /// `elementclass …`
    ElementClass(ElementClass),
    /// `define(…)`
    Define(Vec<Definition>),
    /// `require(…)`
    Require(Vec<Required>),
}

/// An identifier, or a variable without its `$`.
#[derive(Debug, Clone)]
pub struct Ident {
    /// The text.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// A configuration string.
#[derive(Debug, Clone)]
pub struct Config {
    /// What stands between the parentheses, line directives taken out.
    pub text: String,
    /// Where, without the parentheses.
    pub span: Span,
}

/// `a, b -> c => d …`: lists of elements, each connected to the next. A declaration is a chain of one list.
#[derive(Debug, Clone)]
pub struct Chain {
    /// From the first element to the last.
    pub span: Span,
    /// The lists, at least one.
    pub links: Vec<Link>,
}

/// A list of elements in a chain.
#[derive(Debug, Clone)]
pub struct Link {
    /// What joins it to the list before; `None` for the first.
    pub arrow: Option<Arrow>,
    /// The elements, at least one.
    pub elements: Vec<ElementUse>,
}

/// How two lists of a chain are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrow {
    /// `=>`, which pairs many outputs with many inputs, and not `->`.
    pub many: bool,
    /// Where.
    pub span: Span,
}

/// An element where it is declared or used: `[0] name :: Class(config) [1]`, or parts of that.
#[derive(Debug, Clone)]
pub struct ElementUse {
    /// From its first port to its last.
    pub span: Span,
    /// The input ports before it.
    pub inputs: Option<PortList>,
    /// The element.
    pub target: Target,
    /// What comes after `::`.
    pub class: Option<Class>,
    /// The configuration string.
    pub config: Option<Config>,
    /// The output ports behind it.
    pub outputs: Option<PortList>,
}

/// What stands in the place of an element.
#[derive(Debug, Clone)]
pub enum Target {
    /// The name of an element, or of a class of which this is an anonymous element.
    Name(Ident),
    /// `{…}`: an anonymous compound.
    Compound(Compound),
    /// `(…)`: a group, which is no scope of its own.
    Group(Group),
    /// Nothing: `input` at the start of a chain, `output` at its end.
    Implicit,
}

/// An element class where it is used.
#[derive(Debug, Clone)]
pub enum Class {
    /// By name.
    Name(Ident),
    /// Spelled out.
    Compound(Compound),
}

/// `[0, 2-4, ]`
#[derive(Debug, Clone)]
pub struct PortList {
    /// With its brackets.
    pub span: Span,
    /// The ports named, at least one.
    pub ranges: Vec<PortRange>,
    /// Whether it goes on behind the last port named, as far as the other side needs.
    pub open: bool,
}

/// Consecutive ports, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    /// The first.
    pub first: u16,
    /// The last, not less than the first.
    pub last: u16,
}

/// `(…)`: statements whose `input` and `output` are the neighbours in the chain.
#[derive(Debug, Clone)]
pub struct Group {
    /// With its parentheses.
    pub span: Span,
    /// The statements inside.
    pub statements: Vec<Statement>,
}

/// `{… || … || ...}`
#[derive(Debug, Clone)]
pub struct Compound {
    /// With its braces.
    pub span: Span,
    /// The alternatives, in order.
    pub overloads: Vec<Overload>,
    /// The `...` that adds the class of the same name as last alternative.
    pub extends: Option<Span>,
}

/// One alternative of a compound.
#[derive(Debug, Clone)]
pub struct Overload {
    /// Parameters and statements.
    pub span: Span,
    /// The parameters before `|`.
    pub parameters: Vec<Parameter>,
    /// The statements inside.
    pub statements: Vec<Statement>,
}

/// `$name` or `KEYWORD $name`
#[derive(Debug, Clone)]
pub struct Parameter {
    /// The keyword; `__REST__` collects what is left.
    pub keyword: Option<Ident>,
    /// The variable.
    pub name: Ident,
}

/// `elementclass Name {…}` or `elementclass Name Other`
#[derive(Debug, Clone)]
pub struct ElementClass {
    /// The whole statement.
    pub span: Span,
    /// The new class.
    pub name: Ident,
    /// What it is.
    pub class: Class,
}

/// `$name value` in `define(…)`
#[derive(Debug, Clone)]
pub struct Definition {
    /// The variable.
    pub name: Ident,
    /// Its value, variables not expanded.
    pub value: String,
}

/// An item of `require(…)`
#[derive(Debug, Clone)]
pub struct Required {
    /// `package`, `library` or `compact_config`.
    pub kind: String,
    /// The name of the package or library, or empty.
    pub value: String,
    /// Where.
    pub span: Span,
}
