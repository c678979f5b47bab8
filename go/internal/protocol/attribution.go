package protocol

// Attribution is the Field of an llm.Opaque in Request.System that holds a
// client's line about itself. It is no instruction: its own vendor gets it
// back, everyone else must not see it. It changes with every request and would
// break a prompt cache, so leaving it out loses nothing (llm.Dropped).
const Attribution = "attribution_block"
