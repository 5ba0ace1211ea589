namespace Serving.StatusPages.Models;

/// <summary>What the overview is restricted to.</summary>
/// <param name="Namespace">A namespace; empty for all.</param>
/// <param name="Name">A part of the name; empty for all.</param>
/// <param name="State"><c>ready</c>, <c>waiting</c> or <c>failing</c>; empty for all.</param>
/// <param name="Page">The page, from 1.</param>
public sealed record OverviewQuery(string Namespace, string Name, string State, int Page);
