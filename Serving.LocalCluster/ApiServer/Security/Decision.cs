namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>An authorizer's answer.</summary>
/// <param name="IsAllowed">Whether the request may go on.</param>
/// <param name="Why">Makes the reason, which only reviews and refusals tell; may be null.</param>
internal readonly record struct Decision(bool IsAllowed, Func<string>? Why = null)
{
    /// <summary>Why; empty when there is nothing to say.</summary>
    public string Reason => Why?.Invoke() ?? "";
}
