namespace Serving.Tests.Networking.Gateway.GrpcCalls;

/// <summary>State shared between tests and a <see cref="GrpcProgram"/>.</summary>
internal sealed class GrpcProgramState
{
    /// <summary>Number of calls.</summary>
    public int Calls;

    /// <summary>Number of calls after which a session ends; null for never.</summary>
    public int? EndSessionEvery { get; set; }

    /// <summary>Lets a silent stream send its message.</summary>
    public TaskCompletionSource Go { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when a waiting call has arrived.</summary>
    public TaskCompletionSource Waiting { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when a waiting call was cancelled.</summary>
    public TaskCompletionSource Cancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
