using Serving.Api.Knative;

namespace Serving.Controller.Routes.Traffic;

/// <summary>A target that cannot receive traffic: how it is marked in the Route's status, and whether it is a failure or may become
/// ready.</summary>
internal sealed record TrafficProblem(bool IsFailure, Func<RouteStatus, DateTimeOffset, RouteStatus> Mark);
