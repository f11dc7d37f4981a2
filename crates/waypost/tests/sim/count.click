// Counts and forgets.
elementclass Count { input -> Counter -> Discard }
