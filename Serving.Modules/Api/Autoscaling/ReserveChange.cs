using Serving.Api.Core;

namespace Serving.Api.Autoscaling;

/// <summary>One request that parking lowers.</summary>
/// <param name="Container">The container.</param>
/// <param name="Resource"><c>cpu</c> or <c>memory</c>.</param>
/// <param name="Full">The request at full size.</param>
/// <param name="Parked">The request while parked; less.</param>
/// <param name="WithLimit">Whether the limit always has the same value.</param>
public sealed record ReserveChange(string Container, string Resource, Quantity Full, Quantity Parked, bool WithLimit);
