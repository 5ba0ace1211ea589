namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>An authorizer's decision.</summary>
/// <param name="IsAllowed">Whether the request is allowed.</param>
/// <param name="Why">Creates the reason, which only reviews and rejections use; may be null.</param>
internal readonly record struct Decision(bool IsAllowed, Func<string>? Why = null)
{
    /// <summary>The reason; may be empty.</summary>
    public string Reason => Why?.Invoke() ?? "";
}
