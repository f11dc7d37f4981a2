//! Push, pull and agnostic ports.

use insta::assert_snapshot;

use crate::harness::{ways, wrong};

#[test]
fn push_before_a_queue_and_pull_behind_it() {
    assert_snapshot!(ways("s :: RatedSource -> q :: Queue -> p :: Shaper -> t :: ToDevice;"), @r"
    s /h
    q h/l
    p l/l
    t l/
    ");
}

#[test]
fn agnostic_elements_are_what_their_neighbours_are() {
    assert_snapshot!(ways("s :: InfiniteSource -> a :: Tee -> b :: Print -> q :: Queue -> c :: Print -> d :: Null -> u :: Unqueue -> e :: Print -> f :: Discard;"), @r"
    s /h
    a h/h
    b h/h
    q h/l
    c l/l
    d l/l
    u l/h
    e h/h
    f h/
    ");
}

#[test]
fn where_nothing_says_which_it_is_push() {
    assert_snapshot!(ways("a :: InfiniteSource -> b :: Print -> c :: Discard;"), @r"
    a /h
    b h/h
    c h/
    ");
}

#[test]
fn a_code_for_one_port_goes_on_for_the_rest() {
    assert_snapshot!(ways("s :: InfiniteSource -> c :: CheckIPHeader -> q :: Queue -> x :: Unqueue -> d :: Discard; c [1] -> e :: Discard; q [1] -> f :: Discard;"), @r"
    s /h
    c h/hh
    q h/lh
    x l/h
    d h/
    e h/
    f h/
    ");
}

#[test]
fn flow_keeps_the_lanes_of_an_element_apart() {
    assert_snapshot!(ways("a :: InfiniteSource -> l :: PairOfLanes -> q :: Queue -> [1] l; l [1] -> u :: Unqueue -> d :: Discard;"), @r"
    a /h
    l hl/hl
    q h/l
    u l/h
    d h/
    ");
}

#[test]
fn one_of_two_outputs_may_push_while_the_element_pulls() {
    assert_snapshot!(ways("InfiniteSource -> Queue -> c :: CheckIPHeader -> Unqueue -> Discard; c [1] -> Discard;"), @r"
    InfiniteSource@1 /h
    Queue@2 h/l
    c l/lh
    Unqueue@4 l/h
    Discard@5 h/
    Discard@6 h/
    ");
}

#[test]
fn packets_are_pushed_from_many_outputs_into_one_input() {
    assert_snapshot!(ways("a, b :: RatedSource; q :: Queue; a, b -> q -> ToDevice;"), @r"
    a /h
    b /h
    q h/l
    ToDevice@4 l/
    ");
}

#[test]
fn a_pull_output_may_be_connected_twice() {
    assert_snapshot!(ways("RatedSource -> q :: Queue; q -> a :: ToDevice; q -> b :: ToDevice;"), @r"
    RatedSource@1 /h
    q h/l
    a l/
    b l/
    ");
}

#[test]
fn push_meets_pull() {
    assert_snapshot!(wrong("s :: InfiniteSource -> t :: Tee\n  -> ToDevice;\n"), @r"
    error[push-pull]: push output 0 of `t` is connected to pull input 0 of `ToDevice@3`
      --> t.click:1:24
    1 | s :: InfiniteSource -> t :: Tee
      |                        ^^^^^^^^ push meets pull
      ::: t.click:1:24
    1 | s :: InfiniteSource -> t :: Tee
      |                        - `t :: Tee`
      ::: t.click:2:6
    2 |   -> ToDevice;
      |      -------- `ToDevice@3 :: ToDevice`
      = help: a Queue between them takes what is pushed and gives it when pulled
    ");
}

#[test]
fn pull_meets_push() {
    assert_snapshot!(wrong("RatedSource -> q :: Queue\n  -> t :: Tee -> Discard;\n"), @r"
    error[push-pull]: pull output 0 of `q` is connected to push input 0 of `t`
      --> t.click:1:16
    1 | RatedSource -> q :: Queue
      |                ^^^^^^^^^^ pull meets push
      ::: t.click:1:16
    1 | RatedSource -> q :: Queue
      |                - `q :: Queue`
      ::: t.click:2:6
    2 |   -> t :: Tee -> Discard;
      |      - `t :: Tee`
      = help: an Unqueue between them pulls packets and pushes them on
    ");
}

#[test]
fn push_meets_pull_through_agnostic_elements() {
    assert_snapshot!(wrong("t :: Tee -> a :: Print -> b :: Null -> d :: ToDevice;\nInfiniteSource -> t;\n"), @r"
    error[push-pull]: push output 0 of `a` is connected to pull input 0 of `b`
      --> t.click:1:13
    1 | t :: Tee -> a :: Print -> b :: Null -> d :: ToDevice;
      |             ^^^^^^^^^^^^^^^^^^^^^^^ push meets pull
      ::: t.click:1:13
    1 | t :: Tee -> a :: Print -> b :: Null -> d :: ToDevice;
      |             - `a :: Print`
      ::: t.click:1:27
    1 | t :: Tee -> a :: Print -> b :: Null -> d :: ToDevice;
      |                           - `b :: Null`
      = help: push comes from `t :: Tee` through `a`
      = help: pull comes from `d :: ToDevice` through `b`
      = help: a Queue between them takes what is pushed and gives it when pulled
    ");
}

#[test]
fn push_meets_pull_inside_a_compound() {
    assert_snapshot!(wrong("elementclass Out {\n  input -> Print -> ToDevice\n}\nRatedSource -> Tee -> o :: Out;\n"), @r"
    error[agnostic-conflict]: `o/Print@1` would be both push and pull: push input 0, pull output 0
      --> t.click:2:12
    2 |   input -> Print -> ToDevice
      |            ^^^^^ `o/Print@1 :: Print`
      ::: t.click:4:23
    4 | RatedSource -> Tee -> o :: Out;
      |                       - in `o`
      = help: push comes from `Tee@2 :: Tee` through `o/Print@1`
      = help: pull comes from `o/ToDevice@2 :: ToDevice` through `o/Print@1`
      = help: a `Print` is what its neighbours are, all push or all pull
      = help: a Queue before or behind it takes what is pushed and gives it when pulled
    ");
}

#[test]
fn an_agnostic_element_is_not_both() {
    assert_snapshot!(wrong("RatedSource -> Tee -> n :: Print -> ToDevice;\nRatedSource -> Queue -> m :: Null -> Tee -> Discard;\n"), @r"
    error[agnostic-conflict]: `n` would be both push and pull: push input 0, pull output 0
      --> t.click:1:23
    1 | RatedSource -> Tee -> n :: Print -> ToDevice;
      |                       ^ `n :: Print`
      = help: push comes from `Tee@2 :: Tee` through `n`
      = help: pull comes from `ToDevice@4 :: ToDevice` through `n`
      = help: a `Print` is what its neighbours are, all push or all pull
      = help: a Queue before or behind it takes what is pushed and gives it when pulled
    error[agnostic-conflict]: `m` would be both push and pull: pull input 0, push output 0
      --> t.click:2:25
    2 | RatedSource -> Queue -> m :: Null -> Tee -> Discard;
      |                         ^ `m :: Null`
      = help: pull comes from `Queue@6 :: Queue` through `m`
      = help: push comes from `Tee@8 :: Tee` through `m`
      = help: a `Null` is what its neighbours are, all push or all pull
      = help: an Unqueue before or behind it pulls packets and pushes them on
    ");
}

#[test]
fn an_agnostic_element_joins_no_push_and_pull() {
    assert_snapshot!(wrong("RatedSource -> t :: Tee -> n :: Print -> ToDevice;\nRatedSource -> Queue -> n;\n"), @r"
    error[agnostic-conflict]: `n` would be both push and pull: push input 0, pull output 0
      --> t.click:1:28
    1 | RatedSource -> t :: Tee -> n :: Print -> ToDevice;
      |                            ^ `n :: Print`
      = help: push comes from `t :: Tee` through `n`
      = help: pull comes from `ToDevice@4 :: ToDevice` through `n`
      = help: a `Print` is what its neighbours are, all push or all pull
      = help: a Queue before or behind it takes what is pushed and gives it when pulled
    error[push-pull]: pull output 0 of `Queue@6` is connected to push input 0 of `n`
      --> t.click:2:16
    2 | RatedSource -> Queue -> n;
      |                ^^^^^^^^^^ pull meets push
      ::: t.click:2:16
    2 | RatedSource -> Queue -> n;
      |                ----- `Queue@6 :: Queue`
      ::: t.click:1:28
    1 | RatedSource -> t :: Tee -> n :: Print -> ToDevice;
      |                            - `n :: Print`
      = help: push comes from `t :: Tee` through `n`
      = help: an Unqueue between them pulls packets and pushes them on
    ");
}

#[test]
fn a_push_output_is_connected_once() {
    assert_snapshot!(wrong("t :: Tee; RatedSource -> t;\nt -> a :: Discard;\nt -> b :: Discard;\n"), @r"
    error[port-reuse]: push output 0 of `t` is connected 2 times
      --> t.click:2:1
    2 | t -> a :: Discard;
      | ^^^^^^^^^^^^^^^^^ to `a`
      ::: t.click:3:1
    3 | t -> b :: Discard;
      | ----------------- to `b`
      = help: a push output has one connection: copy packets with Tee, or choose where they go with a switch
    ");
}

#[test]
fn a_pull_input_is_connected_once() {
    assert_snapshot!(wrong("p, q :: Queue; RatedSource -> p; RatedSource -> q;\np -> d :: ToDevice;\nq -> d;\n"), @r"
    error[port-reuse]: pull input 0 of `d` is connected 2 times
      --> t.click:2:1
    2 | p -> d :: ToDevice;
      | ^^^^^^^^^^^^^^^^^^ from `p`
      ::: t.click:3:1
    3 | q -> d;
      | ------ from `q`
      = help: a pull input has one connection: choose where packets come from with a scheduler such as RoundRobinSched
    ");
}

#[test]
fn an_output_is_missing() {
    assert_snapshot!(wrong("i :: InfiniteSource -> Print -> d :: Discard;\nInfiniteSource -> p :: Print;\n"), @r"
    error[unused-port]: output 0 of `p` is not connected
      --> t.click:2:19
    2 | InfiniteSource -> p :: Print;
      |                   ^ `p :: Print`
      = help: connect it, to Discard if the packets are not wanted
    ");
}

#[test]
fn an_input_is_missing() {
    assert_snapshot!(wrong("a :: ARPQuerier -> Discard;\nInfiniteSource -> [1] a;\n"), @r"
    error[unused-port]: input 0 of `a` is not connected
      --> t.click:1:1
    1 | a :: ARPQuerier -> Discard;
      | ^ `a :: ARPQuerier`
      = help: connect it, from Idle if no packets shall come
    ");
}

#[test]
fn ports_are_used_without_gaps() {
    assert_snapshot!(wrong("c :: Classifier(-, -, -, -); InfiniteSource -> c;\nc [0] -> Discard; c [3] -> Discard;\n"), @r"
    error[unused-port]: outputs 1 to 2 of `c` are not connected
      --> t.click:1:1
    1 | c :: Classifier(-, -, -, -); InfiniteSource -> c;
      | ^ `c :: Classifier`
      = help: ports are numbered from 0 without gaps
    ");
}

#[test]
fn an_element_has_fewer_ports() {
    assert_snapshot!(wrong("InfiniteSource -> c :: CheckIPHeader => Discard, Discard, Discard;\nInfiniteSource -> [1] c;\nDiscard -> Idle;\n"), @r"
    error[no-such-port]: `c` has no output 2
      --> t.click:1:19
    1 | InfiniteSource -> c :: CheckIPHeader => Discard, Discard, Discard;
      |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ connected here
      ::: t.click:1:19
    1 | InfiniteSource -> c :: CheckIPHeader => Discard, Discard, Discard;
      |                   - `c :: CheckIPHeader`
      = help: the number of outputs of a `CheckIPHeader` here: 1 to 2; they count from 0
    error[no-such-port]: `c` has no input 1
      --> t.click:2:1
    2 | InfiniteSource -> [1] c;
      | ^^^^^^^^^^^^^^^^^^^^^^^ connected here
      ::: t.click:1:19
    1 | InfiniteSource -> c :: CheckIPHeader => Discard, Discard, Discard;
      |                   - `c :: CheckIPHeader`
      = help: the number of inputs of a `CheckIPHeader` here: 1; they count from 0
    error[unused-port]: input 0 of `Discard@7` is not connected
      --> t.click:3:1
    3 | Discard -> Idle;
      | ^^^^^^^ `Discard@7 :: Discard`
      = help: connect it, from Idle if no packets shall come
    error[no-such-port]: `Discard@7` has no output 0
      --> t.click:3:1
    3 | Discard -> Idle;
      | ^^^^^^^^^^^^^^^ connected here
      ::: t.click:3:1
    3 | Discard -> Idle;
      | ------- `Discard@7 :: Discard`
      = help: a `Discard` has no outputs
    ");
}

#[test]
fn nothing_is_connected() {
    assert_snapshot!(wrong("Print;\nq :: Queue;\nIdle;\nMessage(hello);\n"), @r"
    error[unused-port]: input 0 of `Print@1` is not connected
      --> t.click:1:1
    1 | Print;
      | ^^^^^ `Print@1 :: Print`
      = help: connect it, from Idle if no packets shall come
    error[unused-port]: output 0 of `Print@1` is not connected
      --> t.click:1:1
    1 | Print;
      | ^^^^^ `Print@1 :: Print`
      = help: connect it, to Discard if the packets are not wanted
    error[unused-port]: input 0 of `q` is not connected
      --> t.click:2:1
    2 | q :: Queue;
      | ^ `q :: Queue`
      = help: connect it, from Idle if no packets shall come
    error[unused-port]: output 0 of `q` is not connected
      --> t.click:2:1
    2 | q :: Queue;
      | ^ `q :: Queue`
      = help: connect it, to Discard if the packets are not wanted
    ");
}
