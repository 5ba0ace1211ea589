using Serving.Host;

CommandLine.WatchThreads(Console.Error);
return await CommandLine.InvokeAsync(CommandLine.Create(), args, Console.Error);
