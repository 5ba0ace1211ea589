using Serving.Dataplane.Inspection;

namespace Serving.StatusPages.Models;

/// <summary>Why a revision has its scale.</summary>
public sealed record ScalingPage : StatusPage
{
    /// <summary>The namespace.</summary>
    public required string Namespace { get; init; }

    /// <summary>The revision.</summary>
    public required string Revision { get; init; }

    /// <summary>The Service; empty for none.</summary>
    public required string Service { get; init; }

    /// <summary>The class of the autoscaler.</summary>
    public required string Class { get; init; }

    /// <summary>The answer in a sentence.</summary>
    public required string Summary { get; init; }

    /// <summary>Number of ready pods.</summary>
    public required int ReadyPods { get; init; }

    /// <summary>Number of pods that the autoscaler wants, by its status; null while unknown.</summary>
    public required int? WantedPods { get; init; }

    /// <summary>Replicas of the Deployment; null while unknown.</summary>
    public required int? Replicas { get; init; }

    /// <summary><c>Serve</c>, when pods get the traffic, or <c>Proxy</c>, when activators get it; empty while unknown.</summary>
    public required string Mode { get; init; }

    /// <summary>Number of activators for the revision; 0 for all.</summary>
    public required int Activators { get; init; }

    /// <summary>The steps of the latest decision.</summary>
    public required IReadOnlyList<ReasoningStep> Steps { get; init; }

    /// <summary>The parameters, their values, what they mean and where they are from.</summary>
    public required IReadOnlyList<ParameterRow> Parameters { get; init; }

    /// <summary>Who decides instead; null when this process does.</summary>
    public string? Leader { get; init; }

    /// <summary>The decider's own numbers; null when another process decides.</summary>
    public required ScalingExplanation? Explanation { get; init; }

    /// <summary>The conditions of the PodAutoscaler.</summary>
    public required IReadOnlyList<ConditionGroup> Conditions { get; init; }
}
