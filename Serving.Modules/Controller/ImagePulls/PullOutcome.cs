namespace Serving.Controller.ImagePulls;

/// <summary>How far a pull is, and why it failed.</summary>
/// <param name="State">How far it is.</param>
/// <param name="Message">Reason and message of the node; empty unless it failed.</param>
internal readonly record struct PullOutcome(PullState State, string Message);
