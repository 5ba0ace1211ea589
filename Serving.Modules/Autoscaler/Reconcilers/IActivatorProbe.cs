namespace Serving.Autoscaler.Reconcilers;

/// <summary>Tells whether requests for a revision go through activators.</summary>
internal interface IActivatorProbe
{
    /// <summary>True when everyone behind the public Service of a revision answers as an activator; never throws but for cancellation.</summary>
    Task<bool> IsInPathAsync(string ns, string service, CancellationToken cancellation);
}
