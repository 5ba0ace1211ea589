namespace Serving.Autoscaler.Reconcilers;

/// <summary>Determines whether requests for a revision go through activators.</summary>
internal interface IActivatorProbe
{
    /// <summary>True when every endpoint of the revision's public Service responds as an activator; throws only when cancelled.</summary>
    Task<bool> IsInPathAsync(string ns, string service, CancellationToken cancellation);
}
