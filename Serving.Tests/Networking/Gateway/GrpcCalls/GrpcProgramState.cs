namespace Serving.Tests.Networking.Gateway.GrpcCalls;

/// <summary>What tests tell a <see cref="GrpcProgram"/>, and hear of it.</summary>
internal sealed class GrpcProgramState
{
    /// <summary>Calls so far.</summary>
    public int Calls;

    /// <summary>After how many calls a session ends; null for never.</summary>
    public int? EndSessionEvery { get; set; }

    /// <summary>Lets a stream that is silent send its message.</summary>
    public TaskCompletionSource Go { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>A call that waits has arrived.</summary>
    public TaskCompletionSource Waiting { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>A call that waited was cancelled.</summary>
    public TaskCompletionSource Cancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
